"""The desk: answers the API's questions to the log, and does what it is told there.

It is apart from the way that alerts take.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from sidekick import metrics
from sidekick.hub.archive import Archive, Match
from sidekick.hub.ids import seq_of
from sidekick.hub.lane import Lane
from sidekick.hub.record import record_of
from sidekick.hub.view import DeadLetter, Entry, LogStats, Quarantined, SilenceStatus
from sidekick.hub.watcher import Watcher
from sidekick.hub.writer import Writer
from sidekick.pipeline.silence import Silence, Silences

T = TypeVar("T")
_AT_ONCE = 5000


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

    async def dead_letters(
        self, lane: str | None, limit: int, id: str | None = None
    ) -> list[DeadLetter]:
        """Dead letters, newest first; raises ``KeyError`` for an unknown lane."""
        bit = None if lane is None else self.lanes[lane].bit
        await self._writer.flush()
        names = await self._archive.run(self._archive.lane_names)
        return await self._archive.run(partial(self._archive.dead_letters, bit, limit, names, id))

    async def quarantined(self, limit: int) -> list[Quarantined]:
        """What was no alert, newest first."""
        await self._writer.flush()
        return await self._archive.run(lambda: self._archive.quarantined(limit))

    async def stats(self) -> LogStats:
        """The size of the log and what it spans."""
        writer = self._writer
        known = (writer.limit, writer.shed_priority > 0, writer.unreserved, writer.failing)
        return await self._archive.run(lambda: self._archive.stats(*known))

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Iterate over the documents of alerts as they are committed."""
        watcher = Watcher()
        self.watchers.add(watcher)
        try:
            yield watcher
        finally:
            self.watchers.discard(watcher)

    def end_live_views(self) -> None:
        """Nothing more is to be watched: the hub stops."""
        for watcher in self.watchers:
            watcher.end()

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
        bits = [self.lanes[name].bit for name in ([lane] if lane else self.lanes)]
        where, values = _which(bits, ids)
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

        counts = dict(await self._change(move))
        for one in self.lanes.values():
            if one.bit in counts:
                one.retry_now(counts[one.bit])
        return sum(counts.values())

    async def drop_dead(self, lane: str | None, ids: Sequence[str] | None) -> int:
        """Forget dead letters for good, also of lanes that are gone. How many."""
        where, values = _which(None if lane is None else [self.lanes[lane].bit], ids)
        dropped = await self._change(
            lambda db: db.execute(f"DELETE FROM dead WHERE {where}", values).rowcount
        )
        metrics.lost.labels("dead letters dropped").inc(dropped)
        return dropped

    async def replay(self, since_ns: int, until_ns: int, lane: str, match: Match | None) -> int:
        """Deliver alerts of the log to a lane again; raises ``KeyError`` for an unknown lane.

        What waits for another try there anyway is not counted.
        """
        target, now_ns, total = self.lanes[lane], time.time_ns(), 0
        seqs = await self._archive.run(
            lambda: self._archive.matching_seqs(match, since_ns, until_ns, record_of)
        )
        for start in range(0, len(seqs), _AT_ONCE):
            chunk = msgspec.json.encode(seqs[start : start + _AT_ONCE]).decode()
            values = (target.bit, now_ns, now_ns, chunk)
            total += await self._change(partial(_retry_again, values=values))
        target.retry_now(total)
        return total

    async def _change(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Change the log, after what lanes and senders have written there."""
        await self._writer.flush()
        return await self._writer.run(lambda spool: spool.call(function))


def _which(bits: Sequence[int] | None, ids: Sequence[str] | None) -> tuple[str, dict[str, Any]]:
    """The dead letters of these lanes and with these ids; None: all."""
    seqs = None if ids is None else [seq_of(id) for id in ids]
    values = {
        name: None if numbers is None else msgspec.json.encode(numbers).decode()
        for name, numbers in (("bits", bits), ("seqs", seqs))
    }
    return (
        "(:bits IS NULL OR bit IN (SELECT value FROM json_each(:bits))) AND "
        "(:seqs IS NULL OR seq IN (SELECT value FROM json_each(:seqs)))"
    ), values


def _retry_again(db: sqlite3.Connection, values: tuple[int, int, int, str]) -> int:
    """What left the log meanwhile is left out: nothing could ever settle its retry."""
    return db.execute(
        "INSERT OR IGNORE INTO retry SELECT ?, seq, ?, ?, 0, '' FROM alert "
        "WHERE seq IN (SELECT value FROM json_each(?))",
        values,
    ).rowcount


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
