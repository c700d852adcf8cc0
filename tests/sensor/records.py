"""Records of our own making, in place of the kernel's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sidekick.sensor.record import Kind


@dataclass(frozen=True)
class Header:
    pid: int = 100
    tid: int = 100
    ppid: int = 50
    time_ns: int = 10_000_000_000
    start_ns: int = 9_000_000_000
    parent_start_ns: int = 1_000_000_000
    cpu: int = 0
    flags: int = 0
    vtid: int = 100
    vpid: int = 100
    vpgid: int = 100
    pgid: int = 100
    sid: int = 50
    tty: int = 0
    uid: int = 0
    gid: int = 0
    login_uid: int = 0xFFFFFFFF
    cgroup_id: int = 1
    cap_effective: int = 0
    cap_permitted: int = 0
    comm: bytes = b"cat"


@dataclass(frozen=True)
class File:
    path: bytes
    fd: int = 3
    mode: int = 0o100640
    flags: int = 0
    dev: int = 0x802
    ino: int = 47
    origin: bytes = b""


@dataclass(frozen=True)
class Socket:
    family: int = 2
    type: int = 1
    protocol: int = 6
    state: int = 1
    local: bytes = b"\x0a\0\0\1"
    remote: bytes = b"\x0a\0\0\2"
    local_port: int = 40_000
    remote_port: int = 443
    local_path: bytes = b""
    remote_path: bytes = b""


@dataclass(frozen=True)
class Record:
    """``arguments`` by Falco's names; ``texts`` are the directories that descriptors are;
    ``parts`` are the fields that only its kind has."""

    type: str = "openat"
    kind: int = Kind.CALL
    header: Header = field(default_factory=Header)
    result: int | None = None
    cwd: bytes | None = None
    file: File | None = None
    socket: Socket | None = None
    address: bytes | None = None
    data: bytes | None = None
    arguments: dict[str, int | bytes] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        return repr(replace(self, header=replace(self.header, time_ns=0, cpu=0)))

    def argument(self, name: str) -> Any:
        return self.arguments.get(name)

    def text(self, name: str) -> bytes | None:
        found = self.texts.get(name, self.arguments.get(name))
        return found if isinstance(found, bytes) else None

    def __getitem__(self, name: str) -> Any:
        return self.parts.get(name)


def call_record(type_: str = "openat", result: int = 3, **of: Any) -> Record:
    """A system call that ended; other parts of the record and its header by name."""
    header = {n: of.pop(n) for n in tuple(of) if n in Header.__dataclass_fields__}
    return Record(type_, Kind.CALL, Header(**header), result, **of)


def exec_record(argv: bytes = b"cat\0/etc/shadow", **of: Any) -> Record:
    """A successful exec of ``/bin/NAME``; other parts of the record and its header by name."""
    header = {n: of.pop(n) for n in tuple(of) if n in Header.__dataclass_fields__}
    name = argv.partition(b"\0")[0].rpartition(b"/")[2]
    header.setdefault("comm", name[:15])
    parts = {
        "args": argv,
        "env": b"",
        "path": b"/bin/" + name,
        "ino": 7,
        "ctime_ns": 1_700_000_000_000_000_000,
        "mtime_ns": 1_600_000_000_000_000_000,
        "flags": of.pop("exe_flags", 0),
        "pid_ns_start_ns": 0,
        "filename": name,
        "cap_inheritable": 0,
        **of,
    }
    return Record("execve", Kind.EXEC, Header(**header), cwd=parts.pop("cwd", None), parts=parts)


def fork_record(parent: Header, child: int, start_ns: int = 9_500_000_000, **parts: Any) -> Record:
    """A process forks; the child is a process unless ``child_tid`` says otherwise."""
    found = {"child_pid": child, "child_tid": child, "child_start_ns": start_ns}
    found |= {"child_vpid": child, "pid_ns_start_ns": 0, **parts}
    return Record("clone", Kind.FORK, parent, parts=found)


def exit_record(header: Header, *, last: int = 1, reaper: int = 1) -> Record:
    """A thread ends."""
    parts = {"last": last, "reaper_pid": reaper}
    return Record("procexit", Kind.EXIT, header, parts=parts)
