"""Group commit: what arrives together, or while a transaction runs, is one transaction.

A commit to a fast disk takes less time than handing it to a thread and getting the interpreter
lock back, so small groups are committed on the event loop. One slow commit there, and for a while
all go to the writer thread, where the next group gathers meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from sidekick import metrics
from sidekick.errors import Shed
from sidekick.hub.spool import Group, Row, Spool, Statement
from sidekick.sources import Answer

T = TypeVar("T")
log = logging.getLogger(__name__)

_TIDY_EVERY_SECS = 1.0
_LAZY_SECS = 0.004
_QUIET_TURNS = 1
_GATHER_SECS = 0.003
_ENOUGH = 64
"""A group is committed after a turn of the event loop that brought nothing more, after that time,
or when it has so many senders. With 16 senders waiting that is a third more alerts a second than
committing at once."""
_ROWS_ON_LOOP = 256
_SLOW_SECS = 0.002
_ROW_SECS = 0.000_03
_AWAY_SECS = 1.0
"""A commit on the event loop that took longer than the first, and the second for each row, sends
all commits to the thread for the third."""


class Progress(Protocol):
    """A lane, as far as the writer needs it."""

    bit: int

    def progress(self) -> tuple[int, str, int]:
        """(next, open, bit) to be stored."""


class _Batch:
    """A group and whom to tell."""

    __slots__ = ("answers", "committed", "group", "lanes")

    def __init__(self) -> None:
        self.group = Group()
        self.answers: list[tuple[int, Answer]] = []
        self.lanes: list[Progress] = []
        self.committed: list[Any] = []


class Writer:
    """Writes to a spool, on the loop or in its one thread; all methods are called on the loop.

    ``on_commit`` is called with what ``put`` was given, in order, once it is durable and before
    the answers.
    """

    def __init__(self, spool: Spool, on_commit: Callable[[list[Any]], None]) -> None:
        self._spool = spool
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._next = _Batch()
        self._busy = False
        self._jobs = 0
        self._looking_after = False
        self._away_until = 0.0
        self._gather_until = 0.0
        self._starting = False
        self._dirty: dict[int, Progress] = {}
        self._lazy: asyncio.TimerHandle | None = None
        self._tidied = 0.0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()
        self.pending_bytes = 0
        self.shed = 0
        """Undelivered alerts that were removed for want of room since the start."""
        self.failing = ""
        """Why the last commit failed; "" when it did not."""

    @property
    def shed_priority(self) -> int:
        """Alerts of this priority and lower find no room; 0: all do."""
        return self._spool.room.shed_priority

    @property
    def waiting_statements(self) -> int:
        """Statements that wait for the next group: many when the disk is slow or full."""
        return len(self._next.group.statements)

    @property
    def limit(self) -> int:
        """Bytes the log may use now."""
        return self._spool.room.limit

    @property
    def unreserved(self) -> bool:
        """Whether the disk has no room for the reserve."""
        return self._spool.room.unreserved

    def put(self, rows: list[Row], kept: Iterable[Any], size: int, answer: Answer) -> None:
        """Take rows of one sender; ``size`` is their bytes."""
        batch = self._next
        batch.group.rows += rows
        batch.committed += kept
        self.pending_bytes += size
        batch.answers.append((size, answer))
        if not self._busy and not self._starting:
            self._starting = True
            self._gather_until = time.perf_counter() + _GATHER_SECS
            self._loop.call_soon(self._when_quiet, 0, 0)

    def _when_quiet(self, before: int, turns: int) -> None:
        """Commit when the loop brought nothing more for a few turns: then all senders wait."""
        count = len(self._next.answers)
        turns = turns + 1 if count == before else 0
        if turns < _QUIET_TURNS and count < _ENOUGH and time.perf_counter() < self._gather_until:
            self._loop.call_soon(self._when_quiet, count, turns)
        else:
            self._start()

    def put_state(self, changes: Iterable[tuple[str, bytes | None]]) -> None:
        """Write what changed of the pipeline's state with the next group."""
        self._next.group.state.update(changes)
        self._soon()

    def also(self, statements: Iterable[Statement], lane: Progress | None = None) -> None:
        """Write statements, and how far a lane is, soon: with the next group or shortly after."""
        self._next.group.statements.extend(statements)
        if lane is not None:
            self._dirty[lane.bit] = lane
        self._soon()

    def _soon(self) -> None:
        if not self._busy and self._lazy is None:
            self._lazy = self._loop.call_later(_LAZY_SECS, self._start)

    async def run(self, function: Callable[[Spool], T]) -> T:
        """Run a function in the writer thread, between two groups."""
        future: asyncio.Future[T] = self._loop.create_future()

        def run() -> None:
            try:
                result = function(self._spool)
            except Exception as error:
                self._loop.call_soon_threadsafe(self._ran, _fail, future, error)
            else:
                self._loop.call_soon_threadsafe(self._ran, _resolve, future, result)

        self._hand_over(run)
        return await future

    def _hand_over(self, job: Callable[[], None]) -> None:
        self._jobs += 1
        self._inbox.put(job)

    def _ran(self, tell: Callable[..., None], *values: object) -> None:
        self._jobs -= 1
        tell(*values)

    async def flush(self) -> None:
        """Wait until all that was given before this call is written, or cannot be."""
        if not (self._busy or self._waiting()):
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._next.answers.append((0, lambda _: _resolve(future, None)))
        if not self._busy:
            self._start()
        await future

    async def close(self) -> None:
        """Write what waits, then end the thread and close the spool."""
        await self.flush()
        if self._lazy is not None:
            self._lazy.cancel()
        self._inbox.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        self._spool.close()

    def _waiting(self) -> bool:
        group = self._next.group
        return bool(
            group.rows or group.statements or group.state or self._next.answers or self._dirty
        )

    def _start(self) -> None:
        self._starting = False
        if self._lazy is not None:
            self._lazy.cancel()
            self._lazy = None
        if self._busy or not self._waiting():
            return
        batch, self._next = self._next, _Batch()
        batch.lanes = list(self._dirty.values())
        batch.group.progress = [lane.progress() for lane in batch.lanes]
        self._dirty.clear()
        if not self._write_on_loop(batch):
            self._busy = True
            self._hand_over(lambda: self._write(batch))

    def _write_on_loop(self, batch: _Batch) -> bool:
        began = time.perf_counter()
        if self._jobs or began < self._away_until:
            return False
        if batch.group.size > _ROWS_ON_LOOP:
            return False
        try:
            self._spool.write(batch.group)
        except sqlite3.Error:
            return False
        took = time.perf_counter() - began
        if took > _SLOW_SECS + _ROW_SECS * len(batch.group.rows):
            self._away_until = began + _AWAY_SECS
        self._finish(batch, None, took)
        self._look_after_soon()
        return True

    def _look_after_soon(self) -> None:
        late = time.perf_counter() - self._tidied > _TIDY_EVERY_SECS
        if (late or self._spool.wants_checkpoint) and not self._looking_after:
            self._looking_after = True
            self._hand_over(self._look_after)

    def _look_after(self) -> None:
        """In the thread: what must be done now and then and takes longer than a commit."""
        if time.perf_counter() - self._tidied > _TIDY_EVERY_SECS:
            self._tidy()
        try:
            if self._spool.wants_checkpoint:
                self._spool.checkpoint()
        except sqlite3.Error as error:
            log.warning("could not move the write-ahead log", extra={"error": str(error)})
        self._loop.call_soon_threadsafe(self._looked_after)

    def _looked_after(self) -> None:
        self._jobs -= 1
        self._looking_after = False

    def _run(self) -> None:
        while (job := self._inbox.get()) is not None:
            job()

    def _write(self, batch: _Batch) -> None:
        """In the thread: commit, and tell the loop; what fails is tried once more."""
        began = time.perf_counter()
        error: Exception | None = None
        try:
            self._spool.write(batch.group)
        except sqlite3.Error as first:
            error = self._once_more(batch.group, first)
        took = time.perf_counter() - began
        self._loop.call_soon_threadsafe(self._done, batch, error, took)

    def _once_more(self, group: Group, first: sqlite3.Error) -> Exception | None:
        code, room = getattr(first, "sqlite_errorcode", 0) & 0xFF, self._spool.room
        was_full = room.disk_full
        try:
            if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                room.disk_is_full()
            self._spool.write(group)
        except sqlite3.Error as error:
            return error
        if room.disk_full and not was_full:
            about = {"error": str(first), "bytes": room.limit}
            log.warning("the disk is full: the alert log grows no more", extra=about)
        return None

    def _tidy(self) -> None:
        room = self._spool.room
        try:
            more = room.tidy(time.time_ns())
            metrics.log_bytes.set(room.used())
        except sqlite3.Error as error:
            log.warning("could not tidy the alert log", extra={"error": str(error)})
            more = False
        metrics.log_limit.set(room.limit)
        metrics.log_full.set(room.shed_priority > 0)
        for priority, count in list(room.shed.items()):
            self.shed += count
            metrics.lost.labels("shed from the log").inc(count)
            log.error("shed undelivered alerts", extra={"priority": priority, "count": count})
        room.shed.clear()
        self._tidied = 0.0 if more else time.perf_counter()

    def _done(self, batch: _Batch, error: Exception | None, took: float) -> None:
        self._busy = False
        self._jobs -= 1
        self._finish(batch, error, took)
        self._look_after_soon()
        if self._next.answers:
            self._start()
        elif self._waiting() and self._lazy is None:
            self._lazy = self._loop.call_later(_LAZY_SECS if error is None else 1.0, self._start)

    def _finish(self, batch: _Batch, error: Exception | None, took: float) -> None:
        metrics.commit_seconds.observe(took)
        refusal: Shed | None = None
        if error is not None:
            refusal = Shed(f"the alert log cannot be written: {error}")
            self._keep_unwritten(batch, error)
        elif self.failing:
            self.failing = ""
            log.info("the alert log can be written again")
        try:
            if batch.committed and not refusal:
                metrics.commit_alerts.observe(len(batch.committed))
                self._on_commit(batch.committed)
        finally:
            for size, answer in batch.answers:
                self.pending_bytes -= size
                answer(refusal)

    def _keep_unwritten(self, batch: _Batch, error: Exception) -> None:
        """Nobody waits for statements and progress: they go with a later group."""
        if self.failing != str(error):  # else it was told: this may happen for every sender
            self.failing = str(error)
            log.error("could not write the alert log", extra={"error": self.failing})
        self._next.group.statements[:0] = batch.group.statements
        self._next.group.state = batch.group.state | self._next.group.state
        for lane in batch.lanes:
            self._dirty.setdefault(lane.bit, lane)


def _resolve(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
