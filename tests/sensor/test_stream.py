from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sidekick.model import Alert
from sidekick.sensor.record import Flag, Kind
from sidekick.sensor.stream import Stream
from tests.sensor.alerts import alerts
from tests.sensor.fields.events import CGROUP, CONTAINER, knowledge
from tests.sensor.records import (
    File,
    Header,
    Record,
    call_record,
    exec_record,
    exit_record,
    fork_record,
)


class Engine:
    """Remembers what it was asked, as it was when it was asked."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.seen: list[tuple[Any, ...]] = []

    def alerts(
        self, source: str, type: str, record: Mapping[str, Any], time_ns: int
    ) -> list[Alert]:
        assert source == "syscall"
        self.seen.append((type, *(record[key] for key in self.keys)))
        return []


def test_calls_and_execs_are_matched_in_order() -> None:
    engine = Engine("evt.num", "proc.name")
    stream = Stream(engine, knowledge())
    stream.take([exec_record(b"cat\0a"), call_record(comm=b"cat"), call_record("connect")])
    assert engine.seen == [("execve", 1, "cat"), ("openat", 2, "cat"), ("connect", 3, "cat")]
    assert stream.events == 3


def test_what_only_keeps_state_is_not_matched() -> None:
    engine = Engine()
    records = [
        fork_record(Header(), 200),
        exit_record(Header(pid=200, tid=200)),
        call_record("chdir", 0, flags=int(Flag.STATE)),
        Record("", Kind.RENAME, parts={"target_pid": 100, "target_tid": 100, "name": b"x"}),
    ]
    Stream(engine, knowledge()).take(records)
    assert engine.seen == []


def test_a_child_has_its_parents_name_until_it_runs_something() -> None:
    engine = Engine("proc.pname", "proc.cmdline")
    shell = Header(comm=b"sh")
    child: dict[str, Any] = {"pid": 200, "tid": 200, "ppid": 100, "start_ns": 9_500_000_000}
    stream = Stream(engine, knowledge())
    stream.take(
        [
            exec_record(b"sh\0-c\0id"),
            fork_record(shell, 200),
            call_record(comm=b"sh", **child),
            exec_record(b"id", **child),
        ]
    )
    assert engine.seen == [
        ("execve", "bash", "sh -c id"),
        ("openat", "sh", "sh -c id"),
        ("execve", "sh", "id"),
    ]


def test_a_directory_that_was_changed_is_known_to_the_children() -> None:
    engine = Engine()
    known = knowledge()
    stream = Stream(engine, known)
    stream.take(
        [
            exec_record(b"sh", cwd=b"/root"),
            call_record("chdir", 0, cwd=b"/tmp", arguments={"path": b"/tmp"}),
            fork_record(Header(), 200),
        ]
    )
    child = known.processes.get(200)
    assert child is not None
    assert child.cwd == "/tmp"
    stream.take([call_record("fchdir", 0, file=File(b"/srv"), arguments={"fd": 3})])
    assert known.processes.of(Header()).cwd == "/srv"
    stream.take([call_record("chdir", -2, arguments={"path": b"/no"})])
    assert known.processes.of(Header()).cwd == "/srv"


def test_a_new_cgroup_is_told_whether_it_is_a_containers() -> None:
    told: list[tuple[int, bool]] = []
    engine = Engine("container.id")
    stream = Stream(engine, knowledge(), on_cgroup=lambda *what: told.append(what))
    cgroups = {5: f"/docker/{CONTAINER}", 6: "/system.slice"}
    for number, path in cgroups.items():
        parts = {"cgroup_id": number, "path": path.encode()}
        stream.take([Record("", Kind.CGROUP, parts=parts), call_record(cgroup_id=number)])
    assert told == [(5, True), (6, False)]
    assert engine.seen == [("openat", CONTAINER[:12]), ("openat", "host")]


class Names:
    """A rule per name of a file."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked: list[str] = []

    def alerts(
        self, source: str, type: str, record: Mapping[str, Any], time_ns: int
    ) -> list[Alert]:
        name = record["fd.name"]
        self.asked.append(name)
        return alerts(name) if name in self.names else []


def opened(given: bytes, led: bytes) -> Record:
    return call_record(file=File(led), arguments={"name": given, "dirfd": -100}, cwd=b"/tmp")


@pytest.mark.parametrize(
    ("given", "led", "names", "every", "asked", "matched"),
    [
        (b"/a", b"/a", ["/a"], False, ["/a"], ["/a"]),
        (b"/link", b"/a", ["/a"], False, ["/a"], ["/a"]),
        (b"/link", b"/a", ["/link"], False, ["/a", "/link"], ["/link"]),
        (b"/link", b"/a", ["/link", "/a"], False, ["/a"], ["/a"]),
        (b"/link", b"/a", ["/link", "/a"], True, ["/a", "/link"], ["/a", "/link"]),
        (b"/link", b"/a", [], False, ["/a", "/link"], []),
        (b"../x", b"/x", ["/x"], False, ["/x"], ["/x"]),
        (b"l/../../a", b"/b", ["/a"], False, ["/b", "/a"], ["/a"]),
        (b"/proc/self/environ", b"/proc/100/environ", [], False, ["/proc/self/environ"], []),
        (
            b"/proc/self/root/proc/1/environ",
            b"/proc/1/environ",
            [],
            False,
            ["/proc/1/environ", "/proc/self/root/proc/1/environ"],
            [],
        ),
        (b"/proc/self/root/a", b"/a", ["/a"], False, ["/a"], ["/a"]),
        (b"/proc/thread-self/mem", b"/proc/100/mem", [], False, ["/proc/thread-self/mem"], []),
    ],
)
def test_a_file_is_known_by_the_name_it_was_given_and_by_its_own(
    given: bytes, led: bytes, names: list[str], every: bool, asked: list[str], matched: list[str]
) -> None:
    engine = Names(*names)
    stream = Stream(engine, knowledge())
    stream.every = every
    found = stream.take([opened(given, led)])
    assert engine.asked == asked
    assert [alert.rule for alert in found] == matched
    assert stream.events == 1


HIDDEN = File(b"/mnt/x", dev=0x802, origin=b"/etc/x")


@pytest.mark.parametrize(
    ("file", "cgroup", "asked"),
    [
        (HIDDEN, 1, ["/mnt/x", "/etc/x"]),
        (HIDDEN, CGROUP, ["/mnt/x"]),
        (replace(HIDDEN, dev=0x803), 1, ["/mnt/x"]),
        (replace(HIDDEN, path=b"/etc/x"), 1, ["/etc/x", "/mnt/x"]),
    ],
    ids=["hidden", "in a container", "on another disk", "in its own place"],
)
def test_what_was_mounted_elsewhere_is_known_by_its_own_place_too(
    file: File, cgroup: int, asked: list[str]
) -> None:
    engine = Names()
    known = knowledge()
    known.root_device = 0x802
    record = call_record(file=file, arguments={"name": b"/mnt/x", "dirfd": -100}, cgroup_id=cgroup)
    Stream(engine, known).take([record])
    assert engine.asked == asked


def test_a_rule_that_matches_both_names_gives_one_alert() -> None:
    class Always(Engine):
        def alerts(
            self, source: str, type: str, record: Mapping[str, Any], time_ns: int
        ) -> list[Alert]:
            return alerts("always")

    stream = Stream(Always(), knowledge())
    stream.every = True
    assert len(stream.take([opened(b"/link", b"/a")])) == 1


@pytest.mark.parametrize("call", ["unshare", "setns"])
def test_a_namespace_of_its_own_gives_no_capability_beforehand(call: str) -> None:
    engine = Engine("thread.cap_permitted", "thread.cap_effective")
    stream = Stream(engine, knowledge())
    stream.take(
        [
            exec_record(b"sh", cap_permitted=1, cap_effective=1),
            fork_record(Header(cap_permitted=1, cap_effective=1), 200),
            call_record(call, 0, cap_permitted=3, cap_effective=3),
            call_record("openat", 3, cap_permitted=3, cap_effective=3),
            call_record(call, 0, pid=200, tid=200, ppid=100, start_ns=9_500_000_000),
        ]
    )
    both = "CAP_CHOWN CAP_DAC_OVERRIDE"
    assert [seen[1:] for seen in engine.seen] == [
        ("CAP_CHOWN", "CAP_CHOWN"),
        ("CAP_CHOWN", "CAP_CHOWN"),
        (both, both),
        ("CAP_CHOWN", "CAP_CHOWN"),
    ]
