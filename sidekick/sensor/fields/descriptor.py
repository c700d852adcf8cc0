"""``fd.*`` and ``fs.path.*``: what an event was done to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sidekick.sensor.fields.extract import Event, Extract
from sidekick.sensor.fields.paths import argument_path, path_names
from sidekick.sensor.files import (
    DIRECTORY,
    FAILED_OPENS,
    FILE,
    IPV4,
    FdKind,
    directory_of,
    filename_of,
    kind_of,
)
from sidekick.sensor.record import Header, Kind, text_of
from sidekick.sensor.sockets import Connection, Endpoint, connection

_OPENS = frozenset({"open", "openat", "openat2", "creat", "open_by_handle_at"})
_SENDING = frozenset({"sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"})
_NO_DESCRIPTOR = """
chmod fchmodat fchmodat2 rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat
rmdir mkdir mkdirat mknod mknodat chown lchown fchownat execve execveat clone ptrace setuid unshare
mount umount umount2 chdir chroot truncate setxattr
"""
_WITHOUT_FD = frozenset(_NO_DESCRIPTOR.split())
"""Calls that Falco knows no descriptor of, whatever the kernel tells about theirs."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The descriptor of an event; ``kind`` None if nothing is known of it."""

    kind: FdKind | None = None
    path: str | None = None
    connection: Connection | None = None
    known: bool = False


_OWN_FOLDERS = ("/proc/self/", "/proc/thread-self/")
_NONE = Descriptor()
NOTHING = "<NA>"


def described(event: Event) -> Descriptor:
    """The descriptor of an event, worked out once."""
    return event.once(_describe)


def _describe(event: Event) -> Descriptor:
    record, type_ = event.record, event.record.type
    if type_ in _WITHOUT_FD:
        return _NONE
    if record.socket is not None:
        made = connection(type_, record.socket, event.result, record.address)
        return Descriptor(made.kind, made.name, made, True)
    if record.file is not None:
        path = text_of(record.file.path) if event.path is None else event.path
        return Descriptor(kind_of(record.file), path or None, None, True)
    if type_ in _OPENS:
        return Descriptor(FAILED_OPENS.get(type_), _asked_path(event))
    if type_ in ("socket", "accept", "accept4"):
        return Descriptor(IPV4)
    return _NONE


def other_paths(event: Event) -> tuple[tuple[str, ...], bool]:
    """The paths of what was opened beside the one that it led to, and whether they alone count.

    They are the one that the call was given, and the one that a mount hides. The given one alone
    counts where it tells more: ``/proc/self/environ`` is ``/proc/4711/environ`` behind the link.
    Only for the process itself: ``/proc/self/root/proc/1/environ`` is another one's.
    """
    record = event.record
    if record.type not in _OPENS or record.file is None:
        return (), False
    if record.argument("name") == record.file.path and not record.file.origin:
        return (), False
    led, given = text_of(record.file.path), _asked_path(event)
    if given and given.startswith(_OWN_FOLDERS) and led.startswith(_own_folders(record.header)):
        return (given,), True
    others = (given, _hidden_path(event))
    return tuple(dict.fromkeys(path for path in others if path and path != led)), False


def _hidden_path(event: Event) -> str | None:
    """Where the machine itself has a file that a process of its own mounted elsewhere.

    What a runtime mounts into containers is no disguise: the agents of each node are made so.
    """
    known, record = event.knowledge, event.record
    assert record.file is not None
    if not record.file.origin or record.file.dev != known.root_device:
        return None
    if known.containers.of(record.header.cgroup_id).id:
        return None
    return text_of(record.file.origin)


def _own_folders(header: Header) -> tuple[str, ...]:
    numbers = (header.pid, header.tid, header.vpid, header.vtid)
    return tuple(f"/proc/{number}/" for number in numbers)


def _asked_path(event: Event) -> str | None:
    return argument_path(event, "name")


def _number(event: Event) -> int | None:
    type_ = event.record.type
    if event.record.kind != Kind.CALL or type_ in _WITHOUT_FD:
        return None
    if type_ in _RETURNING:
        return None if event.result is None else max(event.result, -1)
    number = event.record.argument("fd")
    if isinstance(number, int):
        return number
    return event.record.file.fd if event.record.file else None


_MAKING = """
socket accept accept4 dup dup2 dup3 memfd_create userfaultfd bpf io_uring_setup pidfd_open
pidfd_getfd perf_event_open
"""
_RETURNING = _OPENS | frozenset(_MAKING.split())
"""Calls that give a descriptor."""


def _type(event: Event) -> str | None:
    found = described(event)
    return found.kind.name if found.kind and found.known else None


def _letter(event: Event) -> str | None:
    kind = described(event).kind
    return kind.letter if kind else None


def _is_path(event: Event) -> Descriptor | None:
    found = described(event)
    if found.path is None or found.connection:
        return None
    return found if not found.known or found.kind in (FILE, DIRECTORY) else None


def _directory(event: Event) -> str | None:
    found = _is_path(event)
    return (
        directory_of(found.path, found.kind if found.known else None)
        if found and found.path
        else None
    )


def _filename(event: Event) -> str | None:
    found = _is_path(event)
    return (
        filename_of(found.path)
        if found and found.path and found.kind == FILE and found.known
        else None
    )


def _nameraw(event: Event) -> str | None:
    if event.record.type in _OPENS:
        raw = event.record.argument("name")
        if isinstance(raw, bytes):
            return text_of(raw)
    return described(event).path


def _end(which: str, part: str) -> Extract:
    """A part of an end of an internet socket."""

    def extract(event: Event) -> Any:
        found = described(event).connection
        end: Endpoint | None = getattr(found, which) if found and found.is_ip else None
        if end is None or not end.address:
            return None
        return end.port if part == "port" else end.address

    return extract


def _ends(part: Callable[[Endpoint], Any]) -> Extract:
    """Of both ends; of a socket that listens, its own alone."""

    def extract(event: Event) -> tuple[Any, ...] | None:
        found = described(event).connection
        if found is None or not found.is_ip:
            return None
        ends = (found.client, found.server) if found.server else (found.local, found.remote)
        return tuple(part(end) for end in ends if end is not None and end.address) or None

    return extract


def _protocol(which: str) -> Extract:
    """The name of the service that a port stands for; its number without one."""
    port = _end(which, "port")

    def extract(event: Event) -> str | None:
        found = port(event)
        return None if found is None else str(found)

    return extract


def _l4proto(event: Event) -> str | None:
    found = described(event)
    if not found.known:
        return None
    return (found.connection and found.connection.l4proto) or NOTHING


def _family(event: Event) -> str | None:
    found = described(event).connection
    if found is None:
        return None
    return "ip" if found.is_ip else "unix" if found.kind.letter == "u" else None


def _connected(event: Event) -> bool | None:
    found = described(event)
    if not found.known:
        return None
    return found.connection is not None and found.connection.connected


def _name_changed(event: Event) -> bool | None:
    """Does an unconnected socket have another peer than before?"""
    found, sock = described(event), event.record.file
    if found.connection is None:
        return False if found.known else None
    if event.record.type not in _SENDING or found.connection.connected or sock is None:
        return event.record.type in ("connect", "accept", "accept4")
    return event.knowledge.tuples.changed(sock.ino, found.connection)


def _is_server(event: Event) -> bool | None:
    found = described(event).connection
    return None if found is None or found.server is None else found.server == found.local


def _of_file(name: str) -> Extract:
    def extract(event: Event) -> Any:
        return getattr(event.record.file, name) if event.record.file else None

    return extract


def _device(part: Callable[[int], int]) -> Extract:
    def extract(event: Event) -> int | None:
        return part(event.record.file.dev) if event.record.file else None

    return extract


_SOURCE_FIRST = frozenset(
    ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat")
)


def _file_path(event: Event) -> tuple[str, ...] | None:
    """The parameter that is the one path of a call."""
    if event.record.type in _SOURCE_FIRST:
        return None
    names = path_names(event.record.type)
    return names[:1]


def _path(event: Event) -> str | None:
    names = _file_path(event)
    if names is None:
        return None
    if event.record.file is not None:
        return described(event).path or text_of(event.record.file.path) or None
    return argument_path(event, names[0]) if names else None


def _path_raw(event: Event) -> str | None:
    names = _file_path(event)
    return _raw(event, names[0]) if names else None


def _raw(event: Event, name: str) -> str | None:
    given = event.record.argument(name)
    return text_of(given) if isinstance(given, bytes) else None


def _one_of_two(first: str, second: str, *, raw: bool) -> Extract:
    """The path that a call takes from, or makes: ``oldpath`` or a link's ``target``, ``newpath``
    or a link's ``linkpath``."""

    def extract(event: Event) -> str | None:
        if event.record.type not in _SOURCE_FIRST:
            return None
        name = second if event.record.type.startswith("symlink") else first
        return _raw(event, name) if raw else argument_path(event, name)

    return extract


def _address_name(which: str) -> Extract:
    """Both: Falco resolves the names that rules ask for, never addresses; so do we, elsewhere."""
    address = _end(which, "address")

    def extract(event: Event) -> tuple[str, ...] | None:
        found, names = address(event), event.knowledge.names
        return None if found is None or names is None else names.of(found)

    return extract


_ENDS = (("c", "client"), ("s", "server"), ("l", "local"), ("r", "remote"))

PLAIN: dict[str, Extract] = {
    "fd.num": _number,
    "fd.type": _type,
    "fd.typechar": _letter,
    "fd.name": lambda event: described(event).path,
    "fd.nameraw": _nameraw,
    "fd.directory": _directory,
    "fd.filename": _filename,
    "fd.ip": _ends(lambda end: end.address),
    "fd.net": _ends(lambda end: end.address),
    "fd.port": _ends(lambda end: end.port),
    "fd.proto": _ends(lambda end: str(end.port)),
    **{f"fd.{letter}ip": _end(which, "address") for letter, which in _ENDS},
    **{f"fd.{letter}net": _end(which, "address") for letter, which in _ENDS},
    **{f"fd.{letter}port": _end(which, "port") for letter, which in _ENDS},
    **{f"fd.{letter}proto": _protocol(which) for letter, which in _ENDS},
    "fd.l4proto": _l4proto,
    "fd.sockfamily": _family,
    "fd.connected": _connected,
    "fd.name_changed": _name_changed,
    "fd.is_server": _is_server,
    "fd.ino": _of_file("ino"),
    "fd.dev": _of_file("dev"),
    "fd.dev.major": _device(lambda dev: dev >> 20),
    "fd.dev.minor": _device(lambda dev: dev & 0xFFFFF),
    **{f"fd.{letter}ip.name": _address_name(which) for letter, which in _ENDS},
    "fs.path.name": _path,
    "fs.path.nameraw": _path_raw,
    "fs.path.source": _one_of_two("oldpath", "target", raw=False),
    "fs.path.sourceraw": _one_of_two("oldpath", "target", raw=True),
    "fs.path.target": _one_of_two("newpath", "linkpath", raw=False),
    "fs.path.targetraw": _one_of_two("newpath", "linkpath", raw=True),
}
