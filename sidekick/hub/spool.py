"""The write side of the alert log: one SQLite connection, used by one thread.

A group of alerts, the progress of the lanes and whatever else is due become durable in one
transaction (WAL, ``synchronous=FULL``): after ``write`` returned, a kill -9 or a power cut loses
none of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sidekick.errors import SidekickError
from sidekick.hub import schema
from sidekick.hub.config import LogConfig
from sidekick.hub.room import Room
from sidekick.hub.transaction import Transaction

T = TypeVar("T")
Row = tuple[int, int, int, int, int, str, bytes]
"""seq, received_ns, time_ns, priority, lanes, fingerprint, body."""
Statement = tuple[str, Sequence[Any]]

_ROWS_AT_ONCE = 256
_ROWS_ALONE = 32
_CHECKPOINT_BYTES = 8 * 1024**2
"""That much, but at most half the reserve: on a full disk the database grows by what is in the
write-ahead log before that gives its room back."""
_PAGE = 16_384
"""Bytes of a page. With SQLite's own 4,096 an alert leaves a quarter of its page empty, and moving
the write-ahead log into the database takes 15 ms in place of 4."""

_PRAGMAS = (
    f"page_size={_PAGE}",  # counts for a new log
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    "cache_size=-4096",
    "journal_size_limit=16777216",
    "secure_delete=FAST",  # ON, as Debian builds it, writes all that is removed
    "wal_autocheckpoint=0",  # see checkpoint
    "temp_store=MEMORY",
)


class LogError(SidekickError):
    """The alert log cannot be opened."""

    @classmethod
    def of(cls, path: Path, error: Exception) -> LogError:
        """What is wrong with the log at ``path``, and what to do about it."""
        advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _START_ANEW)
        return cls(f"{path}: {error}; {advice}")


_START_ANEW = (
    "move the directory away to start with an empty log (`sqlite3 alerts.db .recover` saves what "
    "can be read)"
)
_FOREIGN = "give the folder and its files to the user that sidekick runs as"
_ADVICE = {
    sqlite3.SQLITE_FULL: "free some disk",
    sqlite3.SQLITE_IOERR: "look at the disk, what it has free, and the kernel's log",
    sqlite3.SQLITE_READONLY: _FOREIGN,
    sqlite3.SQLITE_CANTOPEN: _FOREIGN,
    sqlite3.SQLITE_PERM: _FOREIGN,
    sqlite3.SQLITE_BUSY: "another program has it open: stop that",
}


@dataclass(slots=True)
class Group:
    """What one transaction writes.

    ``progress`` is (next, open, bit) per lane; ``state`` are named pieces of the pipeline's state,
    None for one that is gone.
    """

    rows: list[Row] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    state: dict[str, bytes | None] = field(default_factory=dict)
    progress: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many rows it writes, of whatever kind."""
        return len(self.rows) + len(self.statements) + len(self.state) + len(self.progress)

    @property
    def only_rows(self) -> bool:
        """Is there nothing but alerts in it?"""
        return not (self.statements or self.state or self.progress)


class Spool:
    """The open log; raises ``LogError`` with what to do when it cannot be opened."""

    def __init__(self, directory: Path, config: LogConfig) -> None:
        self.path = directory / "alerts.db"
        self._lock = _lock(directory)
        with contextlib.ExitStack() as opened:
            opened.callback(self._lock.close)
            try:
                _for_us_alone(self.path)
                self._db = _connect(self.path)
                opened.callback(self._db.close)
                for pragma in _PRAGMAS:
                    self._db.execute(f"PRAGMA {pragma}")
                self.node = schema.prepare(self._db)
                self.room = Room(self._db, directory, config)
            except schema.LogVersionError as error:
                raise LogError(f"{self.path}: {error}") from error
            except sqlite3.Error as error:
                raise LogError.of(self.path, error) from error
            opened.pop_all()
        self._enough = min(_CHECKPOINT_BYTES, self.room.held // 2 or _CHECKPOINT_BYTES)
        self._unsaved = self._enough

    def close(self) -> None:
        """Close it; a later start finds everything written so far."""
        self._db.close()
        self._lock.close()

    def lost(self) -> LogError | None:
        """What has happened if the file is not in its place any more: whatever is written from then
        on ends with the process."""
        # Inode numbers are not compared: some network file systems change them.
        try:
            if self.path.exists() and os.fstat(self._lock.fileno()).st_nlink:
                return None
        except OSError:  # a disk that fails: commits tell
            return None
        return LogError(
            f"{self.path}: somebody removed the alert log while it was in use; start again to "
            "begin a new one"
        )

    def last_seq(self) -> int:
        """The highest sequence number ever used, 0 for none."""
        highest: int = self._db.execute(
            "SELECT max(ifnull((SELECT max(seq) FROM alert), 0), "
            "ifnull((SELECT max(next) - 1 FROM lane), 0), ifnull((SELECT max(seq) FROM dead), 0))"
        ).fetchone()[0]
        return highest

    def lane_rows(self, names: Sequence[str]) -> dict[str, tuple[int, int, str]]:
        """(bit, next, open) of each lane; a new one starts behind the last alert.

        A lane that is no longer configured keeps its place until its bit is needed, so that
        taking it back into the configuration goes on where it stopped.
        """
        known = {
            name: (bit, next_seq, ranges)
            for bit, name, next_seq, ranges in self._db.execute(
                "SELECT bit, name, next, open FROM lane"
            )
        }
        with self._transaction():
            for name in (n for n in names if n not in known):
                bit = self._free_bit(known, names)
                known[name] = (bit, self.last_seq() + 1, "[]")
                self._db.execute(
                    "INSERT INTO lane (bit, name, next) VALUES (?, ?, ?)",
                    (bit, name, known[name][1]),
                )
            for name, (bit, _, _) in known.items():
                active = name in names
                self._db.execute("UPDATE lane SET active = ? WHERE bit = ?", (active, bit))
        return {name: known[name] for name in names}

    def _free_bit(self, known: dict[str, tuple[int, int, str]], names: Sequence[str]) -> int:
        used = {bit for bit, _, _ in known.values()}
        free = next((bit for bit in range(schema.MAX_LANES) if bit not in used), None)
        if free is None:
            free = known.pop(next(name for name in known if name not in names))[0]
            self._forget(free)
        return free

    def _forget(self, bit: int) -> None:
        self._db.execute(
            "UPDATE alert SET lanes = lanes & ~? WHERE lanes & ?", (1 << bit, 1 << bit)
        )
        for table in ("lane", "retry", "dead"):
            self._db.execute(f"DELETE FROM {table} WHERE bit = ?", (bit,))

    def write(self, group: Group) -> None:
        """Make the group durable; raises ``sqlite3.Error``, and then nothing of it is written."""
        self._unsaved += 2 * _PAGE + sum([len(row[6]) for row in group.rows])
        if len(group.rows) <= _ROWS_ALONE and group.only_rows:
            _insert(self._db, "INSERT INTO alert VALUES ", group.rows)  # a transaction by itself
            return
        with self._transaction():
            _insert(self._db, "INSERT INTO alert VALUES ", group.rows)
            for sql, values in group.statements:
                self._db.execute(sql, values)
            if group.state:
                self._write_state(group.state)
            for progress in group.progress:
                self._db.execute("UPDATE lane SET next = ?, open = ? WHERE bit = ?", progress)

    @property
    def wants_checkpoint(self) -> bool:
        """Is there enough in the write-ahead log to move it into the database?"""
        return self._unsaved >= self._enough

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database: ten milliseconds and more, so not at a
        commit, as SQLite does by itself, but when the caller can wait."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._unsaved = 0

    def _write_state(self, state: dict[str, bytes | None]) -> None:
        there = [(key, value) for key, value in state.items() if value is not None]
        gone = [key for key, value in state.items() if value is None]
        _insert(self._db, "INSERT OR REPLACE INTO state VALUES ", there)
        self._db.execute(
            "DELETE FROM state WHERE key IN (SELECT value FROM json_each(?))", (json.dumps(gone),)
        )

    def call(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run the function in a transaction of its own."""
        with self._transaction():
            return function(self._db)

    def _transaction(self) -> Transaction:
        return Transaction(self._db)


def _insert(db: sqlite3.Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Many rows a statement, with few different numbers of rows: SQLite keeps what it compiled."""
    start = 0
    while start < len(rows):
        left = len(rows) - start
        count = left if left <= _ROWS_ALONE else min(_ROWS_AT_ONCE, left - left % _ROWS_ALONE)
        values: list[Any] = []
        for row in rows[start : start + count]:
            values.extend(row)
        places = f"({','.join('?' * len(rows[start]))})"
        db.execute(sql + ",".join([places] * count), values)
        start += count


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=64
    )


def _for_us_alone(path: Path) -> None:
    """Make the file such that nobody else can read alerts; SQLite gives its others the same rights.

    What is in the way SQLite tells better.
    """
    with contextlib.suppress(OSError), open(os.open(path, os.O_CREAT | os.O_RDWR, 0o600)) as file:
        os.fchmod(file.fileno(), 0o600)  # one that an earlier version made


def _lock(directory: Path) -> Any:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = open(directory / "lock", "a+")  # noqa: SIM115
    except OSError as error:
        raise LogError(
            f"{directory}: the alert log needs a writable directory ({error.strerror}); "
            "set state_dir or --state"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise LogError(
            f"{directory}: another sidekick (pid {owner}) uses this alert log; stop it, or give "
            "this one a state_dir of its own"
        ) from None
    with contextlib.suppress(OSError):  # a full disk; what counts is the lock
        file.truncate(0)
        os.write(file.fileno(), str(os.getpid()).encode())
    return file
