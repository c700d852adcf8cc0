from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidekick.hub.config import LogConfig
from sidekick.hub.spool import Group, Spool
from sidekick.model import Priority
from tests.hub.logs import MIB, SMALL, execute, fill, row, seqs, spool_of

DAY = 86_400 * 10**9
P = Priority


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A log of at most 16 MiB with one lane that has delivered nothing."""
    opened = spool_of(tmp_path)
    opened.lane_rows(["a"])
    yield opened
    opened.close()


def _tidy(spool: Spool, now_ns: int = 0) -> None:
    """Tidy until there is no more to do now."""
    for _ in range(100):
        if not spool.room.tidy(now_ns):
            return
    raise AssertionError("tidying has no end")


def _delivered_up_to(spool: Spool, last: int, ranges: str = "[]") -> None:
    spool.write(Group(progress=[(last + 1, ranges, 0)]))


def test_a_log_within_its_limits_is_left_alone(spool: Spool) -> None:
    fill(spool, 1, 10)
    _delivered_up_to(spool, 10)
    _tidy(spool, DAY)
    assert seqs(spool) == list(range(1, 11))
    assert spool.room.shed_priority == 0


def test_delivered_alerts_go_when_they_are_old(spool: Spool) -> None:
    fill(spool, 1, 3, received_ns=0)
    fill(spool, 4, 6, received_ns=5 * DAY)
    _delivered_up_to(spool, 6)
    _tidy(spool, 8 * DAY)
    assert seqs(spool) == [4, 5, 6]


def test_the_newest_alert_stays_so_that_its_number_is_not_given_again(spool: Spool) -> None:
    fill(spool, 1, 3)
    _delivered_up_to(spool, 3)
    _tidy(spool, 30 * DAY)
    assert seqs(spool) == [3]


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("UPDATE lane SET next = 4 WHERE bit = 0", [4, 5, 6]),
        ("UPDATE lane SET open = '[[3, 3], [5, 6]]' WHERE bit = 0", [3, 4, 5, 6]),
        ("INSERT INTO retry VALUES (0, 2, 0, 0, 1, '')", [2, 3, 4, 5, 6]),
        ("INSERT INTO lane VALUES (1, 'gone', 1, '[]', 0)", [6]),
        ("INSERT INTO lane VALUES (1, 'slow', 5, '[]', 1)", [5, 6]),
    ],
)
def test_age_removes_nothing_that_a_configured_lane_may_still_need(
    spool: Spool, sql: str, kept: list[int]
) -> None:
    fill(spool, 1, 6)
    _delivered_up_to(spool, 6)
    execute(spool, sql)
    _tidy(spool, 30 * DAY)
    assert seqs(spool) == kept
    assert not spool.room.shed


def test_a_log_that_is_too_large_loses_the_oldest_delivered_first(spool: Spool) -> None:
    fill(spool, 1, 1600, size=10_000, priority=P.DEBUG)
    _delivered_up_to(spool, 1500)
    _tidy(spool)
    left = seqs(spool)
    assert left == list(range(left[0], 1601))
    assert 1 < left[0] <= 1501
    assert spool.room.used() <= 0.95 * spool.room.limit
    assert spool.room.shed_priority == 0
    assert not spool.room.shed


def test_without_delivered_alerts_the_least_severe_go_and_are_counted(spool: Spool) -> None:
    fill(spool, 1, 500, size=15_000, priority=P.CRITICAL)
    fill(spool, 501, 700, size=15_000, priority=P.NOTICE)
    fill(spool, 701, 1200, size=15_000, priority=P.DEBUG)
    _tidy(spool)
    left = execute(spool, "SELECT sum(priority = 6), sum(priority = 3) FROM alert")
    assert left == [(500, 200)]
    assert spool.room.shed == {P.DEBUG: 1200 - len(seqs(spool))}
    assert spool.room.shed_priority == P.DEBUG


def test_a_debug_alert_among_the_newest_goes_before_an_older_severe_one(spool: Spool) -> None:
    for n in range(1, 1601):
        priority = P.DEBUG if n % 16 == 0 else P.EMERGENCY
        spool.write(Group(rows=[row(n, priority=priority, body=b"x" * 10_000)]))
    spool.room.tidy(0)
    assert execute(spool, "SELECT count(*) FROM alert WHERE priority = 8") == [(1500,)]
    assert execute(spool, "SELECT count(*) FROM alert WHERE priority = 1") == [(1,)]  # the newest


def test_a_priority_that_is_not_there_is_looked_for_once(spool: Spool) -> None:
    fill(spool, 1, 3200, size=10_000, priority=P.NOTICE)
    looked: list[str] = []
    spool.call(lambda db: db.set_trace_callback(looked.append))
    spool.room.tidy(0)
    spool.room.tidy(0)
    for_debug = [sql for sql in looked if "priority = 1 LIMIT 1" in sql]
    assert [sql.split("seq >= ")[1].split()[0] for sql in for_debug] == ["1", "3200"]


def test_the_door_opens_again_when_there_is_room(spool: Spool) -> None:
    fill(spool, 1, 1600, size=10_000, priority=P.NOTICE)
    _tidy(spool)
    assert spool.room.shed_priority == P.NOTICE
    _delivered_up_to(spool, 1600)
    execute(spool, "DELETE FROM alert WHERE seq < 1500")
    _tidy(spool)
    assert spool.room.shed_priority == 0


def test_what_no_lane_wanted_is_not_counted_as_lost(spool: Spool) -> None:
    fill(spool, 1, 800, size=10_000, lanes=0)
    fill(spool, 801, 1600, size=10_000, lanes=1)
    spool.room.tidy(0)
    assert len(seqs(spool)) == 600
    assert spool.room.shed == {P.NOTICE: 200}


def test_an_alert_that_was_shed_is_not_waited_for_by_a_retry(spool: Spool) -> None:
    fill(spool, 1, 1600, size=10_000, priority=P.DEBUG)
    execute(spool, "INSERT INTO retry VALUES (0, 7, 0, 0, 3, 'HTTP 500')")
    _delivered_up_to(spool, 0)
    _tidy(spool)
    assert 7 not in seqs(spool)
    assert execute(spool, "SELECT count(*) FROM retry") == [(0,)]
    _delivered_up_to(spool, 1600)
    assert spool.room.floor() == 1600


def test_tidying_that_fails_leaves_the_log_usable(spool: Spool) -> None:
    fill(spool, 1, 1600, size=10_000)
    execute(spool, "CREATE TRIGGER t BEFORE DELETE ON alert BEGIN SELECT raise(FAIL, 'no'); END")
    with pytest.raises(sqlite3.Error, match="no"):
        spool.room.tidy(0)
    fill(spool, 1601, 1601)
    assert seqs(spool)[-1] == 1601


def test_the_reserve_is_held_and_given_back_when_the_disk_is_full(tmp_path: Path) -> None:
    config = LogConfig(max_size=16 * MIB, reserve=MIB)
    spool = spool_of(tmp_path, config)
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= MIB
    spool.lane_rows(["a"])
    fill(spool, 1, 3)
    spool.room.disk_is_full()
    assert not (tmp_path / "reserve").exists()
    assert spool.room.limit < SMALL.max_size
    _tidy(spool)  # the disk has room again
    assert (tmp_path / "reserve").exists()
    assert spool.room.limit == SMALL.max_size
    spool.close()


def test_on_a_small_disk_the_reserve_is_smaller(small_disk: Path) -> None:
    spool = spool_of(small_disk, LogConfig(reserve=16 * MIB))
    assert 6 * MIB < spool.room.held < 8 * MIB  # a third of what was free
    spool.close()
    spool = spool_of(small_disk, LogConfig(reserve=16 * MIB))
    assert 6 * MIB < spool.room.held < 8 * MIB  # as it was, whatever is free now
    before = spool.room.held
    spool.room.disk_is_full()
    (small_disk / "other").write_bytes(b"x" * 2 * MIB)
    _tidy(spool)
    assert not spool.room.disk_full
    assert before * 3 // 4 < spool.room.held < before
    spool.close()


def test_a_disk_without_room_for_any_reserve_has_none(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * 22 * MIB)
    spool = spool_of(small_disk, LogConfig())
    assert spool.room.held == 0
    spool.close()


@pytest.mark.parametrize("reserve", [4 * MIB, LogConfig().reserve])
def test_on_a_full_disk_severe_alerts_find_room_and_afterwards_all(
    small_disk: Path, reserve: int
) -> None:
    spool = spool_of(small_disk, LogConfig(reserve=reserve))
    spool.lane_rows(["a"])
    _fill_up(spool, P.DEBUG)
    number = spool.last_seq() + 1
    spool.room.disk_is_full()
    assert spool.room.shed_priority == P.DEBUG
    fill(spool, number, number + 99, size=10_000, priority=P.CRITICAL)
    assert execute(spool, "SELECT count(*) FROM alert WHERE priority = 6") == [(100,)]
    assert spool.room.shed[P.DEBUG] > 0
    execute(spool, "DELETE FROM alert WHERE priority = 1")
    spool.checkpoint()
    _tidy(spool)
    assert spool.room.shed_priority == 0
    fill(spool, number + 100, number + 199, size=10_000, priority=P.DEBUG)
    spool.close()


def _fill_up(spool: Spool, priority: Priority) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(sqlite3.OperationalError):
        for number in range(1, 100_000, 100):
            fill(spool, number, number + 99, size=10_000, priority=priority)
            spool.checkpoint()
    with pytest.raises(sqlite3.OperationalError, match="full"):
        fill(spool, 200_000, 200_999, size=10_000, priority=priority)
