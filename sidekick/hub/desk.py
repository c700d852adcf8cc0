"""The desk: answers the API's questions to the log, and does what it is told there.

It is apart from the way that alerts take.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from sidekick import metrics
from sidekick.hub.archive import Archive, Match
from sidekick.hub.ids import seq_of
from sidekick.hub.lane import Lane
from sidekick.hub.record import record_of
from sidekick.hub.spool import Spool
from sidekick.hub.view import DeadLetter, Entry, LogStats, Quarantined, SilenceStatus
from sidekick.hub.watcher import Watcher
from sidekick.hub.writer import Writer
from sidekick.pipeline.silence import Silence, Silences


class Desk:
    """Serves one hub; ``lanes`` is the hub's own mapping, ``snapshot`` keeps its pipeline's state.

    ``silences`` gives those of the pipeline in force.
    """

    def __init__(
        self,
        archive: Archive,
        writer: Writer,
        lanes: Mapping[str, Lane],
        silences: Callable[[], Silences],
        snapshot: Callable[[], None],
    ) -> None:
        self._archive = archive
        self._writer = writer
        self._silences = silences
        self._snapshot = snapshot
        self.lanes = lanes
        self.watchers: set[Watcher] = set()

    @property
    def _bits(self) -> dict[int, str]:
        return {lane.bit: name for name, lane in self.lanes.items()}

    # -- looking into the log ----------------------------------------------------------------

    async def search(
        self, match: Match | None, since_ns: int, until_ns: int, limit: int
    ) -> list[Entry]:
        """Alerts received in that time that match, newest first."""
        return await self._archive.run(
            partial(self._archive.search, match, since_ns, until_ns, limit, record_of, self._bits)
        )

    async def find(self, uuid: str) -> Entry | None:
        """The alert of that id."""
        return await self._archive.run(partial(self._archive.find, uuid, self._bits))

    async def dead_letters(self, lane: str | None, limit: int) -> list[DeadLetter]:
        """Dead letters, newest first; raises ``KeyError`` for an unknown lane."""
        bit = None if lane is None else self.lanes[lane].bit
        return await self._archive.run(partial(self._archive.dead_letters, bit, limit, self._bits))

    async def quarantined(self, limit: int) -> list[Quarantined]:
        """What was no alert, newest first."""
        return await self._archive.run(lambda: self._archive.quarantined(limit))

    async def stats(self) -> LogStats:
        """The size of the log and what it spans."""
        limit, full = self._writer.limit, self._writer.shed_priority > 0
        return await self._archive.run(lambda: self._archive.stats(limit, full))

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Iterate over the documents of alerts as they are committed."""
        watcher = Watcher()
        self.watchers.add(watcher)
        try:
            yield watcher
        finally:
            self.watchers.discard(watcher)

    # -- silences ----------------------------------------------------------------------------

    def silences(self) -> list[SilenceStatus]:
        """All silences that are remembered."""
        now_ns = time.time_ns()
        return [_silence_status(s, now_ns) for s in self._silences().all()]

    async def add_silence(
        self, match: str, starts_ns: int, ends_ns: int, comment: str, creator: str
    ) -> SilenceStatus:
        """Make a silence that survives a crash; raises ``ConfigError`` with all faults."""
        now_ns = time.time_ns()
        made = self._silences().add(match, starts_ns, ends_ns, comment, creator, now_ns)
        self._snapshot()
        await self._writer.flush()
        return _silence_status(made, now_ns)

    async def expire_silence(self, id: str) -> SilenceStatus | None:
        """End a silence now; None for an unknown one, ``ConfigError`` for a configured one."""
        now_ns = time.time_ns()
        ended = self._silences().expire(id, now_ns)
        self._snapshot()
        await self._writer.flush()
        return None if ended is None else _silence_status(ended, now_ns)

    # -- dead letters and replay -------------------------------------------------------------

    async def retry_dead(self, lane: str | None, ids: Sequence[str] | None) -> int:
        """Deliver dead letters again: of a lane or all, those ids or all. How many."""
        where, values = self._which(lane, ids)
        now_ns = time.time_ns()

        def move(db: sqlite3.Connection) -> list[tuple[int, int]]:
            counts = db.execute(
                f"SELECT bit, count(*) FROM dead WHERE {where} GROUP BY bit", values
            ).fetchall()
            db.execute(
                "INSERT OR IGNORE INTO alert SELECT seq, received_ns, time_ns, priority, 0, "
                f"fingerprint, body FROM dead WHERE {where}",
                values,
            )
            db.execute(
                "INSERT OR REPLACE INTO retry SELECT bit, seq, :now, :now, 0, '' FROM dead "
                f"WHERE {where}",
                values | {"now": now_ns},
            )
            db.execute(f"DELETE FROM dead WHERE {where}", values)
            return counts

        return self._retry_now(await self._writer.run(lambda spool: spool.call(move)))

    async def drop_dead(self, lane: str | None, ids: Sequence[str] | None) -> int:
        """Forget dead letters for good. How many."""
        where, values = self._which(lane, ids)
        dropped = await self._writer.run(
            lambda spool: spool.call(
                lambda db: db.execute(f"DELETE FROM dead WHERE {where}", values).rowcount
            )
        )
        metrics.lost.labels("dead letter dropped").inc(dropped)
        return dropped

    async def replay(self, since_ns: int, until_ns: int, lane: str, match: Match | None) -> int:
        """Deliver alerts of the log to a lane again; raises ``KeyError`` for an unknown lane."""
        bit, now_ns = self.lanes[lane].bit, time.time_ns()
        seqs = await self._archive.run(
            lambda: self._archive.matching_seqs(match, since_ns, until_ns, record_of)
        )
        for start in range(0, len(seqs), 5000):
            chunk = msgspec.json.encode(seqs[start : start + 5000]).decode()
            values = (bit, now_ns, now_ns, chunk)
            await self._writer.run(partial(_retry_again, values=values))
        self._retry_now([(bit, len(seqs))])
        return len(seqs)

    def _retry_now(self, counts: list[tuple[int, int]]) -> int:
        for bit, count in counts:
            self.lanes[self._bits[bit]].retry_now(count)
        return sum(count for _, count in counts)

    def _which(self, lane: str | None, ids: Sequence[str] | None) -> tuple[str, dict[str, Any]]:
        seqs = None if ids is None else [seq_of(i) for i in ids]
        values = {
            "bit": None if lane is None else self.lanes[lane].bit,
            "seqs": None if seqs is None else msgspec.json.encode(seqs).decode(),
        }
        return (
            "(:bit IS NULL OR bit = :bit) AND "
            "(:seqs IS NULL OR seq IN (SELECT value FROM json_each(:seqs)))"
        ), values


def _retry_again(spool: Spool, values: tuple[int, int, int, str]) -> None:
    spool.call(
        lambda db: db.execute(
            "INSERT OR IGNORE INTO retry SELECT ?, value, ?, ?, 0, '' FROM json_each(?)", values
        )
    )


def _silence_status(silence: Silence, now_ns: int) -> SilenceStatus:
    return SilenceStatus(
        id=silence.id,
        match=silence.match,
        starts_ns=silence.starts_ns,
        ends_ns=silence.ends_ns,
        state=silence.state(now_ns),
        comment=silence.comment,
        creator=silence.creator,
        origin=silence.origin,
    )
