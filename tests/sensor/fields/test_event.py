from __future__ import annotations

import os
import socket

import pytest

from sidekick.rules.falco_fields import SOURCES
from sidekick.sensor.fields import FILLED
from sidekick.sensor.record import ExeFlag
from tests.sensor.fields.events import event
from tests.sensor.records import File, Record, Socket, call_record, exec_record, exit_record
from tests.sensor.records import Header as AnyHeader

OPEN = call_record(
    file=File(b"/etc/shadow"),
    arguments={"fd": 3, "dirfd": -100, "name": b"/etc/shadow", "flags": 0o2000000, "mode": 0},
)
FAILED = call_record(
    result=-2, arguments={"fd": -2, "dirfd": -100, "name": b"x/../y", "flags": 0, "mode": 0}
)


def opened(flags: int, type_: str = "openat", mode: int = 0) -> Record:
    arguments: dict[str, int | bytes] = {"name": b"/tmp/x", "flags": flags, "mode": mode}
    return call_record(type_, file=File(b"/tmp/x"), arguments=arguments)


def test_the_fields_that_are_filled_are_fields_of_rules() -> None:
    known = SOURCES["syscall"]
    assert [name for name in FILLED if not name.endswith(".") and not known.kind(name)] == []


def test_no_field_of_any_record_fails() -> None:
    records = [
        *(OPEN, FAILED, exec_record(), exit_record(AnyHeader())),
        call_record("connect", 0, socket=Socket()),
        call_record("socket", -97),
        call_record("ptrace", 0, arguments={"request": 16, "pid": 5}),
        call_record("close", -9),
    ]
    for record in records:
        found = event(record)
        for name in FILLED:
            found[f"{name}x" if name.endswith(".") else name]
            found[f"{name}[1]"]


def test_what_nobody_knows_is_null() -> None:
    found = event(OPEN)
    for key in (
        "evt.latency",
        "no.such",
        "evt.arg.nothing",
        "evt.rawarg.nothing",
        "x[",
        "proc.x[2]",
    ):
        assert found[key] is None


@pytest.mark.parametrize(
    ("record", "rawres", "res", "failed"),
    [
        (OPEN, 3, "SUCCESS", False),
        (FAILED, -2, "ENOENT", True),
        (call_record("connect", -115), -115, "EINPROGRESS", True),
        (exec_record(), 0, "SUCCESS", False),
        (exit_record(AnyHeader()), None, None, False),
    ],
)
def test_results(record: Record, rawres: int | None, res: str | None, failed: bool) -> None:
    found = event(record)
    assert (found["evt.rawres"], found["evt.res"], found["evt.failed"]) == (rawres, res, failed)


@pytest.mark.parametrize(
    ("record", "read", "write", "execute"),
    [
        (opened(os.O_RDONLY), True, False, False),
        (opened(os.O_WRONLY), False, True, False),
        (opened(os.O_RDWR), True, True, False),
        (opened(os.O_RDWR, "openat2"), True, True, False),
        (opened(os.O_WRONLY | os.O_CREAT, mode=0o755), False, True, True),
        (opened(os.O_WRONLY | os.O_CREAT, mode=0o644), False, True, False),
        (opened(os.O_WRONLY, mode=0o755), False, True, False),
        (opened(os.O_WRONLY | os.O_CREAT, "creat", 0o755), False, False, True),
        (call_record("connect", 0), False, False, False),
        (exec_record(), False, False, False),
    ],
)
def test_how_a_file_was_opened(record: Record, read: bool, write: bool, execute: bool) -> None:
    found = event(record)
    assert found["evt.is_open_read"] is read
    assert found["evt.is_open_write"] is write
    assert found["evt.is_open_exec"] is execute


@pytest.mark.parametrize(
    ("record", "name", "text"),
    [
        (OPEN, "fd", "<f>/etc/shadow"),
        (OPEN, "dirfd", "AT_FDCWD"),
        (OPEN, "name", "/etc/shadow"),
        (OPEN, "flags", "O_RDONLY|O_CLOEXEC"),
        (OPEN, "mode", "0"),
        (OPEN, "dev", "802"),
        (OPEN, "ino", "47"),
        (OPEN, "res", None),
        (FAILED, "fd", "ENOENT"),
        (FAILED, "name", "/root/y"),
        (
            call_record(arguments={"dirfd": 5, "name": b"x"}, texts={"dirfd": b"/opt"}),
            "name",
            "/opt/x",
        ),
        (
            call_record(arguments={"dirfd": 5, "name": b"x"}, texts={"dirfd": b"/o"}),
            "dirfd",
            "<d>/o",
        ),
        (call_record(arguments={"dirfd": -100, "name": b"x"}, cwd=b"/srv"), "name", "/srv/x"),
        (call_record(arguments={"name": b""}), "name", "<NA>"),
        (call_record("openat2", arguments={"flags": os.O_RDWR}), "flags", "O_RDWR"),
        (call_record("socket", 3, arguments={"domain": 17}), "domain", "AF_PACKET"),
        (call_record("socket", 3, arguments={"type": 3}), "type", "3"),
        (call_record("ptrace", 0, arguments={"request": 16}), "request", "PTRACE_ATTACH"),
        (call_record("ptrace", 0, arguments={"request": 0}), "request", "PTRACE_TRACEME"),
        (call_record("ptrace", 0, arguments={"pid": 50}), "pid", "bash"),
        (call_record("bpf", 5, arguments={"cmd": 5}), "cmd", "BPF_PROG_LOAD"),
        (
            call_record("chmod", 0, arguments={"mode": 0o4755}),
            "mode",
            "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID",
        ),
        (call_record("chmod", 0, arguments={"filename": b"x"}), "filename", "/root/x"),
        (call_record("chmod", 0, arguments={"filename": b"/a/../etc//x"}), "filename", "/etc/x"),
        (call_record("chmod", 0, arguments={"filename": b"/etc/"}), "filename", "/etc/"),
        (call_record("setuid", 0, arguments={"uid": 0}), "uid", "root"),
        (call_record("symlink", 0, arguments={"target": b"/etc"}), "target", "/etc"),
        (call_record("symlinkat", 0, arguments={"target": b"../x"}), "target", "../x"),
        (
            call_record("linkat", 0, arguments={"olddir": -100, "oldpath": b"shadow"}, cwd=b"/etc"),
            "oldpath",
            "/etc/shadow",
        ),
        (call_record("unlinkat", 0, arguments={"flags": 0x200}), "flags", "AT_REMOVEDIR"),
        (call_record("clone3", 9, arguments={"flags": 0x4000}), "flags", "CLONE_VFORK"),
        (call_record("unshare", 0, arguments={"flags": 0x20000}), "flags", "CLONE_NEWNS"),
        (call_record("kill", 0, arguments={"sig": 9}), "sig", "SIGKILL"),
        (call_record("kill", 0, arguments={"sig": 0}), "sig", "0"),
        (call_record("sendto", 4, arguments={"data": b"a\nb\0"}), "data", "a.b."),
        (call_record("mkdir", -13, arguments={"path": b"/x"}), "res", "EACCES"),
        (call_record("mkdir", 0, arguments={"path": b"/x"}), "res", "0"),
        (
            call_record("connect", 0, socket=Socket()),
            "tuple",
            "10.0.0.1:40000->10.0.0.2:443",
        ),
        (exec_record(b"cat\0a"), "exe", "cat"),
        (exec_record(b"cat\0a"), "filename", "cat"),
        (exec_record(exe_flags=int(ExeFlag.WRITABLE)), "flags", "EXE_WRITABLE"),
        (
            exec_record(exe_flags=int(ExeFlag.WRITABLE | ExeFlag.UPPER_LAYER)),
            "flags",
            "EXE_WRITABLE|EXE_UPPER_LAYER",
        ),
        (exec_record(exe_flags=0), "flags", "0"),
    ],
)
def test_parameters_as_text(record: Record, name: str, text: str | None) -> None:
    assert event(record)[f"evt.arg.{name}"] == text
    assert event(record)[f"evt.arg[{name}]"] == text


def test_all_parameters() -> None:
    assert event(OPEN)["evt.args"] == (
        "fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=/etc/shadow "
        "flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=802 ino=47"
    )
    assert event(OPEN)["evt.arg[2]"] == "/etc/shadow"
    assert event(exec_record())["evt.args"].startswith("res=0 exe=cat args=/etc/shadow tid=100 ")


def test_raw_parameters_have_falcos_numbers() -> None:
    assert event(OPEN)["evt.rawarg.flags"] == 4097
    assert event(FAILED)["evt.rawarg.res"] == -2
    assert event(OPEN)["evt.rawarg.name"] == b"/etc/shadow"


def test_what_every_event_has() -> None:
    found = event(OPEN)
    assert found["evt.num"] == 7
    assert found["evt.type"] == found["syscall.type"] == "openat"
    assert found["evt.rawtime"] == 1_700_000_010_000_000_000
    assert found["evt.hostname"] == "node"


def test_what_was_sent() -> None:
    found = event(call_record("recvfrom", 4, data=b"\xca\xfe\xba\xbe", socket=Socket()))
    assert found["evt.buffer"] == b"\xca\xfe\xba\xbe"
    assert found["evt.buflen"] == 4
    assert found["evt.is_io_read"] is True


@pytest.mark.parametrize("name", ["execve", "execveat"])
def test_a_failed_exec_is_its_callers(name: str) -> None:
    record = call_record(name, -2, comm=b"bash", arguments={"filename": b"/no"})
    found = event(record)
    assert found["evt.type"] == name
    assert found["proc.name"] == "bash"
    assert found["evt.res"] == "ENOENT"


def test_packet_sockets() -> None:
    record = call_record("socket", 3, arguments={"domain": socket.AF_PACKET, "type": 3})
    assert event(record)["evt.args"] == "fd=3 domain=17(AF_PACKET) type=3"
