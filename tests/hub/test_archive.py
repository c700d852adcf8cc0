from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidekick.errors import LogUnreadable
from sidekick.hub.archive import Archive
from sidekick.hub.spool import Group, Spool
from sidekick.model import Priority
from tests.hub.logs import SMALL, execute, fill, row, seqs

LANES = {0: "a", 1: "b"}
EVER = 2**62
HOUR = 3600 * 10**9


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """The write side of the log that ``archive`` reads."""
    opened = Spool(tmp_path, SMALL)
    opened.lane_rows(["a", "b"])
    yield opened
    opened.close()


@pytest.fixture
def archive(spool: Spool, tmp_path: Path) -> Iterator[Archive]:
    """The read side."""
    opened = Archive(tmp_path)
    yield opened
    opened.close()


def _record(body: bytes) -> Mapping[str, Any]:
    return {"body": body}


def _found(archive: Archive, since: int = 0, until: int = EVER, limit: int = 10_000) -> list[int]:
    return [e.seq for e in archive.search(None, since, until, limit, _record, LANES)]


def test_where_there_is_no_log_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no alert log here"):
        Archive(tmp_path)


async def test_connections_end_with_it_those_of_its_threads_too(
    spool: Spool, tmp_path: Path
) -> None:
    opened = Archive(tmp_path)
    of_a_thread = await opened.run(opened._db)
    opened.close()
    for db in (opened._db(), of_a_thread):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            db.execute("SELECT 1")


async def test_an_envelope_is_read_as_it_was_written(spool: Spool, archive: Archive) -> None:
    body = '{"output":"café\\n","x":"\u2028"}'.encode()
    spool.write(Group(rows=[(7, 1_500_000, -3, Priority.ERROR, 0b10, "print", body)]))
    (found,), go_on = await archive.run(lambda: archive.lane_envelopes(1, 1, 9, 100, 10_000))
    assert go_on == 10
    assert (found.seq, found.received_ns, found.time_ns) == (7, 1_500_000, -3)
    assert (found.priority, found.fingerprint, found.body) == (Priority.ERROR, "print", body)
    entry = archive.find(found.id, LANES)
    assert entry is not None
    assert (entry.seq, entry.id, entry.lanes, bytes(entry.document)) == (7, found.id, ("b",), body)


@pytest.mark.parametrize(
    ("items", "size", "expected", "go_on"),
    [
        (10, 10_000, [1, 3, 5, 7, 9], 11),
        (3, 10_000, [1, 3, 5], 6),
        (10, 250, [1, 3, 5], 6),  # what passes the limit is the last
        (10, 1, [1], 2),
        (5, 10_000, [1, 3, 5, 7, 9], 10),
    ],
)
def test_a_lane_reads_its_own_alerts_as_far_as_they_fit(
    spool: Spool, archive: Archive, items: int, size: int, expected: list[int], go_on: int
) -> None:
    spool.write(Group(rows=[row(n, lanes=n % 2, body=b"x" * 100) for n in range(1, 11)]))
    found, following = archive.lane_envelopes(0, 1, 10, items, size)
    assert [e.seq for e in found] == expected
    assert following == go_on


def test_a_lane_without_alerts_goes_on_behind_the_range(archive: Archive) -> None:
    assert archive.lane_envelopes(0, 5, 80, 10, 10) == ([], 81)


def test_retries_are_given_when_they_are_due_but_for_those_in_flight(
    spool: Spool, archive: Archive
) -> None:
    fill(spool, 1, 4)
    for seq, due in ((1, 30), (2, 10), (3, 20), (4, 99)):
        execute(spool, "INSERT INTO retry VALUES (0, ?, ?, 5, 2, '')", seq, due)
    due_now = archive.due_retries(0, 50, [3], 10)
    assert [(e.seq, attempts, since) for e, attempts, since in due_now] == [(2, 2, 5), (1, 2, 5)]
    assert len(archive.due_retries(0, 50, [], 2)) == 2
    assert archive.due_retries(1, 50, [], 10) == []
    assert archive.retry_times(1) == (None, None)
    assert archive.retry_times(0) == (10, 5)


def test_a_retry_is_found_among_the_dead_letters_once_it_left_the_log(
    spool: Spool, archive: Archive
) -> None:
    execute(spool, "INSERT INTO dead VALUES (1, 3, 0, 1, '', 4, 5, 6, 'f', x'7b7d')")
    fill(spool, 4, 4)
    execute(spool, "INSERT INTO dead VALUES (1, 4, 0, 1, '', 4, 5, 6, 'f', x'7b7d')")
    assert [(e.seq, e.body) for e in archive.by_seq([3, 4, 5])] == [(3, b"{}"), (4, b"xx")]


def test_what_a_lane_has_to_do_is_counted(spool: Spool, archive: Archive) -> None:
    spool.write(Group(rows=[row(n, lanes=1 if n < 8 else 2) for n in range(1, 11)]))
    execute(spool, "INSERT INTO retry VALUES (0, 1, 0, 0, 1, '')")
    assert archive.pending(0, 6, 10, [(2, 3), (5, 5)]) == 2 + 1 + 2 + 1
    assert archive.pending(1, 1, 8, []) == 1


def test_a_search_gives_the_newest_first_and_so_many(spool: Spool, archive: Archive) -> None:
    fill(spool, 1, 1234)
    assert _found(archive) == list(range(1234, 0, -1))
    assert _found(archive, limit=3) == [1234, 1233, 1232]
    assert _found(archive, since=700, until=702) == [702, 701, 700]


def test_a_search_ends_at_what_is_older(spool: Spool, archive: Archive) -> None:
    fill(spool, 1, 2000, received_ns=0)
    fill(spool, 2001, 2010, received_ns=9 * HOUR)
    seen: list[bytes] = []

    def match(record: Mapping[str, Any]) -> bool:
        seen.append(record["body"])
        return True

    found = archive.search(match, 9 * HOUR, EVER, 100, _record, LANES)
    assert [e.seq for e in found] == list(range(2010, 2000, -1))
    assert len(seen) == 10


def test_a_search_finds_what_was_received_while_the_clock_was_behind(
    spool: Spool, archive: Archive
) -> None:
    fill(spool, 1, 3, received_ns=10 * HOUR)
    fill(spool, 4, 2000, received_ns=10 * HOUR - HOUR + 1)
    assert _found(archive, since=10 * HOUR) == [3, 2, 1]


def test_a_search_goes_on_when_the_log_loses_alerts_meanwhile(
    spool: Spool, archive: Archive
) -> None:
    fill(spool, 1, 1200)

    def match(record: Mapping[str, Any]) -> bool:
        if not removed:
            execute(spool, "DELETE FROM alert WHERE seq < 1000")
            removed.append(True)
        return True

    removed: list[bool] = []
    found = archive.search(match, 0, EVER, 10_000, _record, LANES)
    assert [e.seq for e in found][:500] == list(range(1200, 700, -1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.integers(0, 700), st.integers(0, 700), st.integers(1, 50))
def test_a_search_and_a_replay_find_the_same(
    spool: Spool, archive: Archive, since: int, until: int, modulus: int
) -> None:
    if not seqs(spool):
        spool.write(Group(rows=[row(n, body=b"%d" % n) for n in range(1, 601)]))

    def match(record: Mapping[str, Any]) -> bool:
        return int(record["body"]) % modulus == 0

    wanted = [n for n in range(600, 0, -1) if since <= n <= until and n % modulus == 0]
    found = archive.search(match, since, until, 10_000, _record, LANES)
    assert [e.seq for e in found] == wanted
    assert archive.matching_seqs(match, since, until, _record) == wanted


def test_an_alert_is_found_by_its_whole_id_only(spool: Spool, archive: Archive) -> None:
    fill(spool, 1, 2, received_ns=10**15)
    one, two = archive.by_seq([1, 2])
    assert archive.find(one.id, {}) is not None
    assert archive.find(two.id[:-1] + "1", {}) == archive.find(one.id, {})
    other_time = "0" * 8 + one.id[8:]
    assert archive.find(other_time, {}) is None
    assert archive.find("nonsense", {}) is None


def test_dead_letters_are_listed_newest_first_by_lane_or_all(
    spool: Spool, archive: Archive
) -> None:
    for bit, seq, died in ((0, 1, 10), (1, 1, 30), (0, 2, 20), (5, 3, 40)):
        execute(
            spool,
            "INSERT INTO dead VALUES (?, ?, ?, 3, 'no', 0, 0, 1, '', x'7b7d')",
            bit,
            seq,
            died,
        )
    found = archive.dead_letters(None, 10, LANES)
    assert [(d.lane, d.seq) for d in found] == [("#5", 3), ("b", 1), ("a", 2), ("a", 1)]
    assert (found[0].attempts, found[0].error, bytes(found[0].document)) == (3, "no", b"{}")
    assert [d.seq for d in archive.dead_letters(0, 1, LANES)] == [2]
    assert archive.dead_letters(None, 10, LANES, found[2].id) == [found[2]]
    assert archive.dead_letters(None, 10, LANES, "no id") == []


def test_the_quarantine_shows_any_bytes_as_text(spool: Spool, archive: Archive) -> None:
    for body in (b"a", b"\xff{"):
        execute(
            spool,
            "INSERT INTO quarantine (received_ns, source, reason, body) VALUES (1, 's', 'r', ?)",
            body,
        )
    assert [q.body for q in archive.quarantined(5)] == ["\ufffd{", "a"]
    assert [q.number for q in archive.quarantined(1)] == [2]


def test_statistics_tell_what_the_log_spans(spool: Spool, archive: Archive) -> None:
    empty = archive.stats(100, False)
    assert (empty.alerts, empty.oldest_ns, empty.first_seq, empty.last_seq) == (0, 0, 0, 0)
    fill(spool, 5, 9, received_ns=77)
    stats = archive.stats(100, True)
    assert (stats.alerts, stats.oldest_ns, stats.first_seq, stats.last_seq) == (5, 77, 5, 9)
    assert stats.full
    assert stats.bytes == spool.room.used()


def test_the_state_and_the_lanes_are_read_back(spool: Spool, archive: Archive) -> None:
    spool.write(Group(state={"k": b"\x00\x1e\x1f"}, rows=[row(1), row(2)]))
    assert archive.state() == [("k", b"\x00\x1e\x1f")]
    assert archive.lane_names() == LANES
    assert list(archive.since(1)) == [(2, 2, b"{}")]


async def test_a_damaged_log_is_told_in_a_sentence(archive: Archive) -> None:
    def read() -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with pytest.raises(LogUnreadable, match="cannot be read: database disk image is malformed"):
        await archive.run(read)
