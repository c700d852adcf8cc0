from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from sidekick.errors import Shed
from sidekick.hub import writer as module
from sidekick.hub.spool import Group, Spool
from sidekick.hub.writer import Writer
from tests.hub.logs import SMALL, disk_is_full, execute, fill, row, seqs


class Watched(Spool):
    """A log that tells what was written where, and fails as often as it is told."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, SMALL)
        self.groups: list[int] = []
        self.on_loop: list[bool] = []
        self.failures = 0
        self.gate = threading.Event()
        self.gate.set()
        self._home = threading.get_ident()

    def write(self, group: Group) -> None:
        if threading.get_ident() != self._home:
            assert self.gate.wait(10)
        if self.failures:
            self.failures -= 1
            raise disk_is_full()
        super().write(group)
        self.groups.append(len(group.rows))
        self.on_loop.append(threading.get_ident() == self._home)


class Stand:
    """A writer, what it said was committed, and what it answered, in order."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "alerts.db"
        self.spool = Watched(directory)
        self.told: list[Any] = []
        self.writer = Writer(self.spool, self.told.extend)

    def put(self, *numbers: int, name: str = "sender") -> None:
        """Take alerts of one sender; then ``told`` gets them, and the name with the answer."""
        rows = [row(n) for n in numbers]
        self.writer.put(rows, numbers, 2 * len(rows), lambda e: self.told.append((name, e)))

    async def read(self, sql: str) -> list[tuple[object, ...]]:
        """What the log holds, read where the writer is not at work on it at the same time."""
        return await self.writer.run(lambda spool: execute(spool, sql))

    def durable(self) -> list[int]:
        """What another process would find in the log now."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as db:
            return [seq for (seq,) in db.execute("SELECT seq FROM alert ORDER BY seq")]


@asynccontextmanager
async def stand_in(directory: Path) -> AsyncIterator[Stand]:
    stand = Stand(directory)
    try:
        yield stand
    finally:
        stand.spool.failures = 0
        stand.spool.gate.set()
        await stand.writer.close()


class Place:
    """A lane that is so far."""

    bit = 0
    next_seq = 1

    def progress(self) -> tuple[int, str, int]:
        return self.next_seq, "[]", self.bit


async def test_an_answer_comes_after_the_commit_and_after_the_lanes_were_told(
    tmp_path: Path,
) -> None:
    async with stand_in(tmp_path) as stand:
        seen: list[list[int]] = []
        stand.writer.put([row(1)], ["one"], 2, lambda _: seen.append(stand.durable()))
        assert (seen, stand.told) == ([], [])
        await stand.writer.flush()
        assert (seen, stand.told) == ([[1]], ["one"])


async def test_what_arrives_together_is_one_commit_and_answered_in_order(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as stand:
        for n in range(1, 41):
            stand.put(n, name=str(n))
        assert stand.writer.pending_bytes == 80
        await stand.writer.flush()
        assert stand.spool.groups == [40]
        assert stand.told == [*range(1, 41), *((str(n), None) for n in range(1, 41))]
        assert stand.writer.pending_bytes == 0


async def test_while_one_commit_runs_the_next_group_gathers(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as stand:
        stand.spool.gate.clear()
        stand.put(*range(1, 301))  # too many for the loop
        await asyncio.sleep(0.01)
        for n in range(301, 311):
            stand.put(n)
            await asyncio.sleep(0)
        assert stand.durable() == []
        stand.spool.gate.set()
        await stand.writer.flush()
        assert stand.spool.groups == [300, 10]


async def test_small_groups_are_committed_on_the_loop_until_the_disk_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stand_in(tmp_path) as stand:
        monkeypatch.setattr(module, "_SLOW_SECS", 1000)
        stand.put(1)
        await stand.writer.flush()
        monkeypatch.setattr(module, "_SLOW_SECS", -1000)
        for n in (2, 3):
            while stand.writer._jobs:  # what looks after the log has the connection
                await asyncio.sleep(0)
            stand.put(n)
            await stand.writer.flush()
        assert stand.spool.on_loop == [True, True, False]


async def test_a_full_disk_is_tidied_and_tried_again_before_a_sender_is_refused(
    tmp_path: Path,
) -> None:
    async with stand_in(tmp_path) as stand:
        stand.spool.lane_rows(["a"])
        fill(stand.spool, 1, 9)
        stand.spool.failures = 2  # on the loop and in the thread
        stand.put(10)
        await stand.writer.flush()
        assert stand.told == [10, ("sender", None)]
        assert not stand.writer.failing
        assert stand.writer.limit < SMALL.max_size


async def test_another_error_than_a_full_disk_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.disk_is_full", lambda: sqlite3.OperationalError("a fault"))
    async with stand_in(tmp_path) as stand:
        fill(stand.spool, 1, 9)
        stand.spool.failures = 2
        stand.put(10)
        await stand.writer.flush()
        assert stand.durable() == list(range(1, 11))
        assert stand.writer.limit == SMALL.max_size


async def test_a_fault_in_what_follows_a_commit_leaves_no_sender_without_an_answer(
    tmp_path: Path,
) -> None:
    async with stand_in(tmp_path) as stand:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        stand.writer._on_commit = lambda kept: kept.append(1 / 0)
        stand.put(1)
        async with asyncio.timeout(5):
            while not stand.told:
                await asyncio.sleep(0)
        assert stand.told == [("sender", None)]


async def test_what_cannot_be_written_is_refused_and_the_next_is_taken(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as stand:
        stand.spool.failures = 3
        stand.put(1)
        await stand.writer.flush()
        ((_, error),) = stand.told
        assert isinstance(error, Shed)
        assert "cannot be written: database or disk is full" in str(error)
        assert stand.writer.failing
        assert stand.writer.pending_bytes == 0
        stand.put(2)
        await stand.writer.flush()
        assert stand.told[1:] == [2, ("sender", None)]
        assert stand.writer.failing == ""
        assert stand.durable() == [2]


async def test_a_log_that_cannot_be_written_is_told_once_and_when_it_can_be_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with stand_in(tmp_path) as stand:
        for failures in (99, 99, 99, 0):
            stand.spool.failures = failures
            stand.put(1)
            await stand.writer.flush()
        told = [r.message for r in caplog.records if r.name.startswith("sidekick")]
    assert told == [
        "could not write the alert log",
        "the alert log can be written again",
    ]


async def test_statements_state_and_progress_outlive_a_commit_that_failed(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as stand:
        lane = Place()
        stand.spool.lane_rows(["a"])
        stand.spool.failures = 3
        stand.writer.also([("INSERT INTO state VALUES ('s', x'01')", ())], lane)
        stand.writer.put_state([("k", b"old"), ("only", b"here")])
        stand.put(1)
        await stand.writer.flush()
        assert stand.writer.waiting_statements == 1
        stand.writer.put_state([("k", b"new")])
        lane.next_seq = 7
        await stand.writer.flush()
        state = await stand.read("SELECT key, value FROM state ORDER BY key")
        assert state == [("k", b"new"), ("only", b"here"), ("s", b"\x01")]
        assert await stand.read("SELECT next FROM lane") == [(7,)]


async def test_what_nobody_waits_for_is_written_soon_nevertheless(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as stand:
        stand.spool.lane_rows(["a"])
        stand.writer.also((), lane := Place())
        lane.next_seq = 5  # the place at the time of the commit counts
        async with asyncio.timeout(5):
            while not stand.spool.groups:
                await asyncio.sleep(0.001)
        await stand.writer.flush()
        assert await stand.read("SELECT next FROM lane") == [(5,)]


async def test_a_flush_with_nothing_to_write_does_not_commit(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as stand:
        await stand.writer.flush()
        assert stand.spool.groups == []


async def test_a_function_runs_between_two_groups_and_its_error_comes_back(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as stand:
        stand.put(1)
        await stand.writer.flush()
        assert await stand.writer.run(seqs) == [1]
        with pytest.raises(sqlite3.Error, match="nowhere"):
            await stand.writer.run(lambda spool: execute(spool, "SELECT * FROM nowhere"))


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.put(1)
    stand.writer.put_state([("k", b"v")])
    await stand.writer.close()
    assert stand.told == [1, ("sender", None)]
    with closing(sqlite3.connect(stand.path)) as db:
        assert db.execute("SELECT count(*) FROM alert, state").fetchone() == (1,)


async def test_the_log_is_tidied_and_moved_while_alerts_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIDY_EVERY_SECS", 0)
    async with stand_in(tmp_path) as stand:
        stand.spool.lane_rows(["a"])
        body = b"x" * 20_000
        for n in range(1, 1201):
            stand.writer.put([row(n, body=body)], (), len(body), lambda _: None)
            if n % 50 == 0:
                await stand.writer.flush()
        async with asyncio.timeout(5):
            while not stand.writer.shed or stand.spool.wants_checkpoint:
                stand.writer.put_state([("k", b"v")])
                await stand.writer.flush()
        assert 0 < stand.writer.shed < 1200
        assert stand.spool.room.used() < stand.writer.limit
