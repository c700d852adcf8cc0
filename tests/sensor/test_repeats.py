"""Identical events: the first few are told, the others counted, and none vanishes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.model import Alert
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.sensor.record import Kind
from sidekick.sensor.stream import Stream
from tests.rules.rule_texts import rule, rules
from tests.sensor.fields.events import BOOT_NS, knowledge
from tests.sensor.records import (
    File,
    Header,
    Record,
    call_record,
    exec_record,
    exit_record,
    fork_record,
)

SHADOW = File(b"/etc/shadow")
ENGINE = Engine(
    rules(
        rule("Read", "evt.type = openat and fd.name startswith /etc", "%proc.cmdline %fd.name"),
        rule("Ran", "evt.type = execve", "%proc.cmdline"),
        rule("Again", "evt.type = openat and fd.name = /etc/shadow", "%fd.name"),
    ),
    EngineConfig(matching="all", append_output=()),
)


def stream(told: int = 2, known: Any = None) -> Stream:
    found = Stream(ENGINE, known or knowledge(), repeats=told)
    found.every = True
    return found


def read(path: bytes = b"/etc/passwd", **of: Any) -> Record:
    return call_record(file=File(path), arguments={"name": path}, **of)


def closed(found: Stream) -> list[Alert]:
    return found.repeats.close(ENGINE.again, BOOT_NS)


def counts(alerts: list[Alert]) -> list[tuple[str, int]]:
    return [(alert.rule, alert.count) for alert in alerts]


def test_the_first_are_told_and_the_others_are_one_alert() -> None:
    found = stream()
    told = found.take([read(time_ns=n, cpu=n % 2) for n in range(1000, 1010)])
    assert counts(told) == [("Read", 1)] * 2
    assert found.events == 10
    assert found.repeats.counted == 8
    (alert,) = closed(found)
    assert alert.count == 8
    assert alert.time_ns == BOOT_NS + 1009
    assert alert.fields["evt.count"] == 8
    assert alert.fields["evt.time"] == BOOT_NS + 1009
    assert alert.fields["fd.name"] == "/etc/passwd"
    assert alert.output.endswith("Warning cat /etc/passwd evt_count=8")
    assert alert.output[:8] == told[0].output[:8]
    assert closed(found) == []


def test_each_second_tells_the_first_again() -> None:
    found = stream()
    assert len(found.take([read()] * 5)) == 2
    closed(found)
    assert len(found.take([read()] * 5)) == 2


def test_each_rule_that_matched_has_its_count() -> None:
    found = stream(1)
    assert counts(found.take([read(b"/etc/shadow")] * 5)) == [("Read", 1), ("Again", 1)]
    assert counts(closed(found)) == [("Read", 4), ("Again", 4)]
    assert found.repeats.counted == 8


@pytest.mark.parametrize(
    "other",
    [
        {"result": 4},
        {"pid": 101, "tid": 101},
        {"tid": 101},
        {"uid": 1},
        {"comm": b"dog"},
        {"start_ns": 5},
        {"cwd": b"/tmp"},
        {"flags": 2},
        {"cgroup_id": 77},
    ],
)
def test_what_differs_in_anything_but_its_time_is_another_event(other: dict[str, Any]) -> None:
    found = stream(1)
    assert len(found.take([read(), read(**other), read()])) == 2


def test_without_a_number_all_are_told() -> None:
    found = stream(0)
    assert len(found.take([read()] * 100)) == 100
    assert closed(found) == []


def test_what_no_rule_matches_is_not_remembered() -> None:
    found = stream(1)
    found.take([read(b"/tmp/x")] * 5)
    assert not found.repeats
    assert found.events == 5


CHILD: dict[str, Any] = {"pid": 200, "tid": 200, "ppid": 100, "start_ns": 9_500_000_000}


@pytest.mark.parametrize(
    "change",
    [
        [exec_record(b"cat\0other")],
        [call_record("chdir", 0, cwd=b"/srv", flags=1)],
        [Record("", Kind.RENAME, parts={"target_pid": 100, "target_tid": 100, "name": b"x"})],
    ],
)
def test_a_process_that_changed_is_looked_at_again(change: list[Record]) -> None:
    found = stream(1)
    before = found.take([exec_record(b"cat\0one"), *[read()] * 3])
    after = found.take([*change, *[read()] * 3])
    assert counts(before) == [("Ran", 1), ("Read", 1)]
    assert "Read" in [alert.rule for alert in after]
    assert counts(closed(found)) == [("Read", 2), ("Read", 2)]


def test_a_change_above_a_process_counts_for_it_too() -> None:
    found = stream(1)
    header = Header(ppid=50)
    found.take([exec_record(b"sh"), fork_record(header, 200), *[read(**CHILD)] * 3])
    assert len(found.take([read(**CHILD)])) == 0
    found.take([exec_record(b"sh\0other")])
    assert len(found.take([read(**CHILD)])) == 1
    found.take([exit_record(header, last=0)])
    assert len(found.take([read(**CHILD)])) == 0
    found.take([exit_record(header)])
    assert len(found.take([read(**CHILD)])) == 1


def test_more_different_events_than_are_remembered_are_told() -> None:
    found = stream(1)
    told = found.take([read(f"/etc/{n}".encode()) for n in range(5000)] * 2)
    assert len(told) == 10_000 - 4096
    assert sum(alert.count for alert in closed(found)) == 4096


_ACTS = st.lists(
    st.sampled_from(["read", "read", "read", "other", "exec", "exit", "forget", "close"]),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(_ACTS, st.integers(0, 3))
def test_every_event_is_told_or_counted(acts: list[str], told: int) -> None:
    found = stream(told)
    alerts: list[Alert] = []
    for act in acts:
        if act == "close":
            alerts += closed(found)
        elif act == "forget":
            found.repeats.forget()
        else:
            records = {
                "read": read(),
                "other": read(b"/etc/other"),
                "exec": exec_record(b"cat\0x"),
                "exit": exit_record(Header()),
            }
            alerts += found.take([records[act]])
    alerts += closed(found)
    for name, of in (("read", "/etc/passwd"), ("other", "/etc/other")):
        total = sum(alert.count for alert in alerts if alert.fields.get("fd.name") == of)
        assert total == acts.count(name)
