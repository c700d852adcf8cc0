"""The read side of the alert log: read-only connections, in threads of their own.

Each query gives its whole result as one row of text: a query that steps through many rows takes
the interpreter lock once a row, and each time waits for the event loop to let it go.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sidekick.errors import LogUnreadable
from sidekick.hub.ids import id_maker, seq_of
from sidekick.hub.view import DeadLetter, Entry, LogStats, Quarantined
from sidekick.model import Envelope, Priority

T = TypeVar("T")
Match = Callable[[Mapping[str, Any]], bool]
Record = Callable[[bytes], Mapping[str, Any]]
"""The record of a document that conditions are evaluated over."""

_ROW = b"\x1e"  # neither occurs in JSON text, which has no bare control characters
_COLUMN = b"\x1f"
_SCAN = 500
_PRIORITIES = {int(p): p for p in Priority}


class Archive:
    """Reads the log of a state directory, also while no hub runs.

    Raises ``FileNotFoundError`` when there is no log.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "alerts.db"
        if not self._path.exists():
            raise FileNotFoundError(f"{self._path}: no alert log here")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="log-reader")
        self._make_id = id_maker(
            self._db().execute("SELECT value FROM meta WHERE key = 'node'").fetchone()[0]
        )

    def close(self) -> None:
        """End the threads and close their connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for db in self._opened:
            db.close()

    async def run(self, function: Callable[[], T]) -> T:
        """Run one of the reading functions below in a reader thread; raises ``LogUnreadable``."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)
        except sqlite3.DatabaseError as error:
            raise LogUnreadable(f"the alert log cannot be read: {error}") from error

    def _db(self) -> sqlite3.Connection:
        if not hasattr(self._local, "db"):
            place = f"file:{self._path}?mode=ro"
            db = sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)
            self._opened.append(db)
            db.execute("PRAGMA busy_timeout=5000")
            db.execute("PRAGMA cache_size=-1024")
            db.text_factory = bytes
            self._local.db = db
        db = self._local.db
        assert isinstance(db, sqlite3.Connection)
        return db

    def lane_envelopes(
        self, bit: int, first: int, last: int, items: int, size: int
    ) -> tuple[list[Envelope], int]:
        """The lane's alerts in ``first..last``, as many as fit, and where to go on."""
        text = (
            self._db()
            .execute(
                "SELECT group_concat(seq || x'1f' || received_ns || x'1f' || time_ns || x'1f' || "
                "priority || x'1f' || fingerprint || x'1f' || CAST(body AS TEXT), x'1e') FROM ("
                " SELECT *, sum(length(body)) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM ("
                "  SELECT * FROM alert WHERE seq BETWEEN ? AND ? AND lanes & ? "
                "  ORDER BY seq LIMIT ?)) WHERE total - length(body) < ?",
                (first, last, 1 << bit, items, size),
            )
            .fetchone()[0]
        )
        found = list(self._envelopes(text))
        full = found and (len(found) == items or sum(len(e.body) for e in found) >= size)
        return found, found[-1].seq + 1 if full else last + 1

    def due_retries(
        self, bit: int, now_ns: int, without: Sequence[int], items: int
    ) -> list[tuple[Envelope, int, int]]:
        """(envelope, attempts, since_ns) of the lane's retries that are due, oldest first.

        Those in ``without`` are left out: they are in flight.
        """
        rows = (
            self._db()
            .execute(
                "SELECT group_concat(seq || x'1f' || attempts || x'1f' || since_ns, x'1e') FROM ("
                " SELECT seq, attempts, since_ns FROM retry WHERE bit = ? AND due_ns <= ? "
                " AND seq NOT IN (SELECT value FROM json_each(?)) ORDER BY due_ns LIMIT ?)",
                (bit, now_ns, json.dumps(list(without)), items),
            )
            .fetchone()[0]
        )
        due = [tuple(map(int, row.split(_COLUMN))) for row in rows.split(_ROW)] if rows else []
        found = {e.seq: e for e in self.by_seq([seq for seq, _, _ in due])}
        return [(found[s], attempts, since) for s, attempts, since in due if s in found]

    def retry_times(self, bit: int) -> tuple[int | None, int | None]:
        """When the lane's next retry is due, and since when the first of the log waits; None for
        no retry. Both are found by an index: there may be many."""
        due, since = (
            self._db()
            .execute(
                "SELECT (SELECT min(due_ns) FROM retry WHERE bit = ?1), "
                "(SELECT since_ns FROM retry WHERE bit = ?1 ORDER BY seq LIMIT 1)",
                (bit,),
            )
            .fetchone()
        )
        return due, since

    def by_seq(self, seqs: Sequence[int]) -> list[Envelope]:
        """The envelopes of these alerts, from the log or, if they left it, the dead letters."""
        columns = "seq, received_ns, time_ns, priority, fingerprint, body"
        wanted = "seq IN (SELECT value FROM json_each(?1))"
        text = (
            self._db()
            .execute(
                "SELECT group_concat(seq || x'1f' || received_ns || x'1f' || time_ns || x'1f' || "
                "priority || x'1f' || fingerprint || x'1f' || CAST(body AS TEXT), x'1e') FROM ("
                f" SELECT {columns} FROM alert WHERE {wanted} UNION SELECT {columns} FROM dead"
                f" WHERE {wanted} AND seq NOT IN (SELECT seq FROM alert WHERE {wanted}))",
                (json.dumps(list(seqs)),),
            )
            .fetchone()[0]
        )
        return list(self._envelopes(text))

    def pending(self, bit: int, next_seq: int, head: int, ranges: Sequence[tuple[int, int]]) -> int:
        """How many alerts up to ``head`` the lane has yet to deliver."""
        db, mask = self._db(), 1 << bit
        count = "SELECT count(*) FROM alert WHERE lanes & ? AND seq "
        total = 0
        for first, last in (*ranges, (next_seq, head)):
            total += db.execute(count + "BETWEEN ? AND ?", (mask, first, last)).fetchone()[0]
        retries: int = db.execute("SELECT count(*) FROM retry WHERE bit = ?", (bit,)).fetchone()[0]
        return total + retries

    def search(
        self,
        match: Match | None,
        since_ns: int,
        until_ns: int,
        limit: int,
        record: Record,
        lanes: Mapping[int, str],
    ) -> list[Entry]:
        """Alerts received in that time that match, newest first."""
        found: list[Entry] = []
        for seq, received_ns, mask, body in self._backwards(since_ns, until_ns):
            if match is not None and not match(record(body)):
                continue
            found.append(self._entry(seq, received_ns, mask, body, lanes))
            if len(found) >= limit:
                break
        return found

    def matching_seqs(
        self, match: Match | None, since_ns: int, until_ns: int, record: Record
    ) -> list[int]:
        """The sequence numbers of the alerts that ``search`` would find."""
        return [
            seq
            for seq, _, _, body in self._backwards(since_ns, until_ns)
            if match is None or match(record(body))
        ]

    def find(self, uuid: str, lanes: Mapping[int, str]) -> Entry | None:
        """The alert of that id."""
        seq = seq_of(uuid)
        row = (
            self._db()
            .execute("SELECT seq, received_ns, lanes, body FROM alert WHERE seq = ?", (seq,))
            .fetchone()
        )
        if row is None or self._make_id(row[1], row[0]) != uuid:
            return None
        return self._entry(row[0], row[1], row[2], row[3], lanes)

    def dead_letters(
        self, bit: int | None, limit: int, lanes: Mapping[int, str], id: str | None = None
    ) -> list[DeadLetter]:
        """Dead letters of a lane or of all, with that id or with any, newest first."""
        seq = None if id is None else seq_of(id) or 0
        rows = (
            self._db()
            .execute(
                "SELECT bit, seq, received_ns, died_ns, attempts, error, body FROM dead "
                "WHERE (?1 IS NULL OR bit = ?1) AND (?2 IS NULL OR seq = ?2) "
                "ORDER BY died_ns DESC LIMIT ?3",
                (bit, seq, limit),
            )
            .fetchall()
        )
        return [
            DeadLetter(
                seq=seq,
                id=self._make_id(received, seq),
                lane=lanes.get(b, f"#{b}"),
                died_ns=died,
                attempts=attempts,
                error=error.decode(),
                document=msgspec.Raw(body),
            )
            for b, seq, received, died, attempts, error, body in rows
            if id is None or self._make_id(received, seq) == id
        ]

    def quarantined(self, limit: int) -> list[Quarantined]:
        """What was no alert, newest first."""
        rows = (
            self._db()
            .execute(
                "SELECT number, received_ns, source, reason, body FROM quarantine "
                "ORDER BY number DESC LIMIT ?",
                (limit,),
            )
            .fetchall()
        )
        return [
            Quarantined(
                number=n,
                received_ns=at,
                source=source.decode(),
                reason=reason.decode(),
                body=body.decode(errors="replace"),
            )
            for n, at, source, reason, body in rows
        ]

    def stats(
        self, limit_bytes: int, full: bool, unreserved: bool = False, failing: str = ""
    ) -> LogStats:
        """The size of the log and what it spans, with what only its writer knows."""
        disk = os.statvfs(self._path.parent)
        db = self._db()
        first, last, oldest = db.execute(
            "SELECT min(seq), max(seq), (SELECT received_ns FROM alert ORDER BY seq LIMIT 1) "
            "FROM alert"
        ).fetchone()
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return LogStats(
            alerts=db.execute("SELECT count(*) FROM alert").fetchone()[0],
            bytes=(pages - free) * size,
            limit_bytes=limit_bytes,
            oldest_ns=oldest or 0,
            first_seq=first or 0,
            last_seq=last or 0,
            full=full,
            disk_free_bytes=disk.f_bavail * disk.f_frsize,
            unreserved=unreserved,
            failing=failing,
        )

    def lane_names(self) -> dict[int, str]:
        """Lane names by bit."""
        return {
            bit: name.decode() for bit, name in self._db().execute("SELECT bit, name FROM lane")
        }

    def state(self) -> list[tuple[str, bytes]]:
        """The stored state of the pipeline."""
        rows = self._db().execute("SELECT key, value FROM state").fetchall()
        return [(key.decode(), value) for key, value in rows]

    def since(self, seq: int) -> Iterator[tuple[int, int, bytes]]:
        """(received_ns, time_ns, body) of all alerts above that sequence number, in order."""
        yield from self._db().execute(
            "SELECT received_ns, time_ns, body FROM alert WHERE seq > ? ORDER BY seq", (seq,)
        )

    def _backwards(self, since_ns: int, until_ns: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Newest first; a clock that was set back may have been so by an hour."""
        below = 2**62
        while True:
            text, below, received_ns, scanned = (
                self._db()
                .execute(
                    "SELECT group_concat(seq || x'1f' || received_ns || x'1f' || lanes || x'1f' || "
                    "CAST(body AS TEXT), x'1e') FILTER (WHERE received_ns BETWEEN ? AND ?), "
                    "min(seq), received_ns, count(*) "  # received_ns of the row with min(seq)
                    "FROM (SELECT * FROM alert WHERE seq < ? ORDER BY seq DESC LIMIT ?)",
                    (since_ns, until_ns, below, _SCAN),
                )
                .fetchone()
            )
            for row in text.split(_ROW) if text else ():
                seq, at, mask, body = row.split(_COLUMN)
                yield int(seq), int(at), int(mask), body
            if scanned < _SCAN or received_ns < since_ns - 3600 * 10**9:
                return

    def _envelopes(self, text: bytes | None) -> Iterator[Envelope]:
        for row in text.split(_ROW) if text else ():
            seq, received_ns, time_ns, priority, fingerprint, body = row.split(_COLUMN)
            number, received = int(seq), int(received_ns)
            yield Envelope(
                number,
                self._make_id(received, number),
                _PRIORITIES[int(priority)],
                int(time_ns),
                fingerprint.decode(),
                body,
                received,
            )

    def _entry(
        self, seq: int, received_ns: int, mask: int, body: bytes, lanes: Mapping[int, str]
    ) -> Entry:
        names = tuple(name for bit, name in sorted(lanes.items()) if mask >> bit & 1)
        return Entry(
            seq=seq,
            id=self._make_id(received_ns, seq),
            received_ns=received_ns,
            lanes=names,
            document=msgspec.Raw(body),
        )
