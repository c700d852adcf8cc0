"""Alert logs to test with, and rows for them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sidekick.hub.config import LogConfig
from sidekick.hub.spool import Group, Row, Spool
from sidekick.model import Priority

MIB = 1024 * 1024
SMALL = LogConfig(max_size=16 * MIB, reserve=0)


def row(
    seq: int,
    lanes: int = 1,
    priority: Priority = Priority.NOTICE,
    received_ns: int | None = None,
    body: bytes = b"{}",
) -> Row:
    """An alert's row; received at as many ns as its number, when nothing else is said."""
    return (seq, seq if received_ns is None else received_ns, seq, priority, lanes, "f", body)


def spool_of(directory: Path, config: LogConfig = SMALL) -> Spool:
    """The log in that directory."""
    return Spool(directory, config)


def fill(spool: Spool, first: int, last: int, size: int = 2, **more: object) -> None:
    """Write alerts with these numbers, each of so many bytes."""
    body = b"x" * size
    spool.write(Group(rows=[row(n, body=body, **more) for n in range(first, last + 1)]))  # type: ignore[arg-type]


def seqs(spool: Spool) -> list[int]:
    """The numbers of all alerts in the log, in order."""

    def read(db: sqlite3.Connection) -> list[int]:
        return [seq for (seq,) in db.execute("SELECT seq FROM alert ORDER BY seq")]

    return spool.call(read)


def disk_is_full() -> sqlite3.OperationalError:
    """What SQLite says then."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def execute(spool: Spool, sql: str, *values: object) -> list[tuple[object, ...]]:
    """Run a statement in the log."""
    return spool.call(lambda db: db.execute(sql, values).fetchall())
