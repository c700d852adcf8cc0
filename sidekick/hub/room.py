"""Room for alerts: what leaves the log when it grows too large, too old, or the disk is full.

Delivered alerts go first, oldest first. When there are none, the least severe undelivered ones
go, and new alerts that are no more severe are refused at the door. A reserve file gives back its
blocks when the disk is full, so that there is always room to do this and to take severe alerts.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections import Counter
from pathlib import Path

from sidekick.hub.config import LogConfig
from sidekick.hub.transaction import Transaction

_HIGH, _LOW = 0.95, 0.90
_ROWS_AT_ONCE = 1000
_LEAST_RESERVE = 1024**2
_ALL_PAGES = 2**30 - 1


class Room:
    """Looks after the size of one log; used by the thread that writes it."""

    def __init__(self, db: sqlite3.Connection, directory: Path, config: LogConfig) -> None:
        self._db = db
        self._config = config
        self._reserve = directory / "reserve"
        self._page: int = db.execute("PRAGMA page_size").fetchone()[0]
        self._disk_limit = 0
        self._held_before = 0
        self._scanned: dict[int, int] = {}
        self.shed_priority = 0
        """Alerts of this priority and lower are refused; 0 refuses none."""
        self.shed: Counter[int] = Counter()
        """Undelivered alerts removed since the start, by priority."""
        self._hold_reserve()

    @property
    def limit(self) -> int:
        """Bytes the log may use now."""
        return min(self._config.max_size, self._disk_limit or self._config.max_size)

    @property
    def disk_full(self) -> bool:
        """Whether the disk took no more when it was last asked for some."""
        return self._disk_limit > 0

    @property
    def held(self) -> int:
        """Bytes of the reserve, 0 for none."""
        try:
            return self._reserve.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def unreserved(self) -> bool:
        """Whether the disk has no room for a reserve that is wanted."""
        return self._config.reserve > 0 and not self.held

    def used(self) -> int:
        """Bytes in use; pages that were freed and will be used again do not count."""
        pages = self._db.execute("PRAGMA page_count").fetchone()[0]
        free = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        return int(pages - free) * self._page

    def tidy(self, now_ns: int) -> bool:
        """Remove a bounded number of rows if there is need; True when there may be more."""
        if self._disk_limit:
            self._hold_reserve()
        used = self.used()
        if used > _HIGH * self.limit:
            self._remove_some()
            return self.used() > _LOW * self.limit
        if self.shed_priority and used < _LOW * self.limit:
            self.shed_priority = 0
            self._scanned.clear()
        return self._remove_delivered(now_ns - int(self._config.max_age * 1e9))

    def disk_is_full(self) -> None:
        """The disk takes no more: give the reserve back, and grow by no more than a third of
        it; the rest is for the write-ahead log. Beyond that SQLite says that the disk is full."""
        given_back = self.held
        self._reserve.unlink(missing_ok=True)
        with contextlib.suppress(sqlite3.Error):  # there may be room enough without
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        pages = self._db.execute("PRAGMA page_count").fetchone()[0]
        self._disk_limit = pages * self._page + given_back // 3
        self._allow_pages(self._disk_limit // self._page)
        self._remove_some()

    def floor(self) -> int:
        """The lowest sequence number that a lane may still need."""
        rows = self._db.execute("SELECT next, open FROM lane WHERE active").fetchall()
        lowest = [first for _, text in rows for first, _ in json.loads(text)]
        retry = self._db.execute(
            "SELECT min(seq) FROM retry WHERE bit IN (SELECT bit FROM lane WHERE active)"
        ).fetchone()[0]
        last = self._last()
        floor: int = min([*lowest, *(n for n, _ in rows), retry or last, last])
        return floor

    def _last(self) -> int:
        """The newest alert stays, so that its sequence number is never given again."""
        return int(self._db.execute("SELECT max(seq) FROM alert").fetchone()[0] or 0)

    def _remove_some(self) -> None:
        if self._remove_delivered():
            return
        least = self._least_priority()
        if least is None:
            return
        self.shed_priority = max(self.shed_priority, least)
        before = self._scanned.get(least, self.floor())
        rows = self._db.execute(
            "SELECT seq FROM alert WHERE seq >= ? AND seq < ? AND priority = ? "
            "ORDER BY seq LIMIT ?",
            (before, self._last(), least, _ROWS_AT_ONCE),
        ).fetchall()
        if rows:
            self._scanned[least] = rows[-1][0] + 1
            with_lanes = self._delete(rows)
            self.shed[least] += with_lanes

    def _least_priority(self) -> int | None:
        """The least priority of which there are undelivered alerts that were not looked at."""
        for priority in range(1, 9):
            start = self._scanned.get(priority, self.floor())
            found = self._db.execute(
                "SELECT 1 FROM alert WHERE seq >= ? AND seq < ? AND priority = ? LIMIT 1",
                (start, self._last(), priority),
            ).fetchone()
            if found:
                return priority
            # Looking through a large log takes long; whatever of it comes from now on is refused.
            self._scanned[priority] = self._last()
        return None

    def _delete(self, rows: list[tuple[int]]) -> int:
        """Remove alerts, and retries of them, which would hold back all that is newer."""
        places = ",".join("?" * len(rows))
        seqs = [seq for (seq,) in rows]
        with Transaction(self._db):
            waiting: int = self._db.execute(
                f"SELECT count(*) FROM alert WHERE lanes != 0 AND seq IN ({places})", seqs
            ).fetchone()[0]
            self._db.execute(f"DELETE FROM alert WHERE seq IN ({places})", seqs)
            self._db.execute(f"DELETE FROM retry WHERE seq IN ({places})", seqs)
        return waiting

    def _remove_delivered(self, older_ns: int = 2**63 - 1) -> bool:
        """Remove delivered alerts received before that time; True when there was any."""
        rows = self._db.execute(
            "SELECT seq FROM (SELECT seq, received_ns FROM alert WHERE seq < ? ORDER BY seq "
            "LIMIT ?) WHERE received_ns < ?",
            (self.floor(), _ROWS_AT_ONCE, older_ns),
        ).fetchall()
        if rows:
            self._delete(rows)
        return bool(rows)

    def _hold_reserve(self) -> None:
        """Take it, smaller where the disk is small: a third of what is free at most."""
        if self._reserve.exists() and not self._disk_limit:
            return
        disk = os.statvfs(self._reserve.parent)
        size = min(self._config.reserve, disk.f_bavail * disk.f_frsize // 3)
        if size < max(_LEAST_RESERVE, self._held_before * 3 // 4):
            return
        try:
            with open(self._reserve, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            self._reserve.unlink(missing_ok=True)
            return
        self._held_before, self._disk_limit = size, 0
        self._allow_pages(_ALL_PAGES)

    def _allow_pages(self, count: int) -> None:
        self._db.execute(f"PRAGMA max_page_count = {count}").fetchall()
