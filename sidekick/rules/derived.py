"""Fields that follow from others, for events that name only some of what a kernel would tell."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sidekick.rules import times

Given = Mapping[str, Any]

_INDEXED = re.compile(r"(proc\.a[a-z]+)\[([0-9]{1,4})\]")
_TYPECHARS = {
    "file": "f",
    "directory": "d",
    "ipv4": "4",
    "ipv6": "6",
    "unix": "u",
    "pipe": "p",
    "event": "e",
    "signalfd": "s",
    "eventpoll": "l",
    "inotify": "i",
    "timerfd": "t",
    "netlink": "n",
    "bpf": "b",
    "io_uring": "r",
    "memfd": "m",
    "pidfd": "P",
}
_FD_TYPES = {letter: name for name, letter in _TYPECHARS.items()}
_FAMILIES = {"4": "ip", "6": "ip", "u": "unix"}
_OPENS = frozenset({"open", "openat", "openat2", "open_by_handle_at"})
_NO_FD = 0
"""What a call that gives no file descriptor returns on success."""
_GIVES_FD = _OPENS | {"creat", "socket", "accept", "accept4", "dup", "dup2", "dup3", "memfd_create"}
_ERRORS = {name: -number for number, name in errno.errorcode.items()}


class Derived(dict[str, Any]):
    """A record of given fields, which derives the others from them; else they are None."""

    def __missing__(self, key: str) -> Any:
        derive = _DERIVED.get(key)
        if derive is not None:
            return derive(self)
        if found := _INDEXED.fullmatch(key):
            return _ancestor(self, found[1], int(found[2]))
        if key.startswith("evt.arg."):
            return self.get(f"evt.arg[{key[8:]}]")
        if key.startswith("evt.arg["):
            return self.get(f"evt.arg.{key[8:-1]}")
        if key.startswith("proc.env["):
            return _variable(self.get("proc.env"), key[9:-1])
        return None


# -- a process and those it came from --------------------------------------------------------

_FAMILY = ("name", "exe", "exepath", "cmdline", "pid")


def _ancestry(given: Given, what: str) -> dict[int, Any]:
    """What is known of a process (0), its parent (1) and so on."""
    known = {0: given.get(f"proc.{what}"), 1: given.get(f"proc.p{what}")}
    listed = given.get(f"proc.a{what}") or ()
    known.update(enumerate(listed, 1))
    prefix = f"proc.a{what}["
    for key, value in given.items():
        if key.startswith(prefix) and key[len(prefix) : -1].isdigit():
            known[int(key[len(prefix) : -1])] = value
    return {place: value for place, value in sorted(known.items()) if value is not None}


def _ancestor(given: Given, name: str, place: int) -> Any:
    what = name.removeprefix("proc.a")
    return _ancestry(given, what).get(place) if what in _FAMILY else None


def _ancestors(what: str) -> Callable[[Given], Any]:
    def derive(given: Given) -> Any:
        return [value for place, value in _ancestry(given, what).items() if place] or None

    return derive


def _of_place(what: str, place: int) -> Callable[[Given], Any]:
    return lambda given: _ancestry(given, what).get(place)


def _of_family() -> Iterator[tuple[str, Callable[[Given], Any]]]:
    for what in _FAMILY:
        yield f"proc.{what}", _of_place(what, 0)
        yield f"proc.p{what}", _of_place(what, 1)
        yield f"proc.a{what}", _ancestors(what)


def _command_line(given: Given) -> Any:
    known = _ancestry(given, "cmdline").get(0)
    name, arguments = _ancestry(given, "name").get(0), given.get("proc.args")
    if known is not None or name is None or arguments is None:
        return known
    return f"{name} {arguments}" if arguments else name


def _arguments(given: Given) -> Any:
    name, line = given.get("proc.name"), given.get("proc.cmdline")
    if name is None or line is None:
        return None
    first, _, rest = line.partition(f"{name} ")
    return rest if line == name or not first else None


def _variable(environment: Any, name: str) -> Any:
    if not isinstance(environment, str):
        return None
    found = re.search(rf"(?:^| ){re.escape(name)}=([^ ]*)", environment)
    return found[1] if found else None


def _leads_group(given: Given) -> Any:
    pid, group = given.get("proc.vpid"), given.get("proc.vpgid")
    return None if pid is None or group is None else pid == group


# -- what a call gave ------------------------------------------------------------------------


def _result(given: Given) -> Any:
    raw = given.get("evt.rawres")
    if raw is None:
        return None
    return "SUCCESS" if raw >= 0 else errno.errorcode.get(-raw, str(-raw))


def _raw_result(given: Given) -> Any:
    result = given.get("evt.res")
    if result == "SUCCESS":
        number = given.get("fd.num") if given.get("evt.type") in _GIVES_FD else _NO_FD
        return number if number is None or number >= 0 else None
    return _ERRORS.get(result or "")


def _failed(given: Given) -> Any:
    raw = given.get("evt.rawres", _raw_result(given))
    return None if raw is None else raw < 0


def _opens(*modes: str) -> Callable[[Given], Any]:
    def derive(given: Given) -> Any:
        if given.get("evt.type") not in _OPENS:
            return False
        flags = given.get("evt.arg.flags", given.get("evt.arg[flags]"))
        return None if flags is None else not set(modes).isdisjoint(str(flags).split("|"))

    return derive


# -- files and connections -------------------------------------------------------------------


def _typechar(given: Given) -> Any:
    return given.get("fd.typechar") or _TYPECHARS.get(given.get("fd.type") or "")


def _path(given: Given) -> Any:
    name, letter = given.get("fd.name"), _typechar(given)
    return name if name and name.startswith("/") and letter in (None, "f", "d", "o") else None


def _directory(given: Given) -> Any:
    path = _path(given)
    if path is None or _typechar(given) == "d" or path.endswith("/"):
        return path
    return path.rpartition("/")[0] or "/"


def _file_name(given: Given) -> Any:
    path = _path(given)
    return None if path is None or _typechar(given) == "d" else path.rpartition("/")[2]


def _endpoints(what: str) -> Callable[[Given], Any]:
    """Both ends of a connection: client and server, else local and remote."""

    def derive(given: Given) -> Any:
        for ends in ("cs", "lr"):
            found = [_end(given, end, what) for end in ends]
            if any(value is not None for value in found):
                return [value for value in found if value is not None]
        return None

    return derive


def _end(given: Given, end: str, what: str) -> Any:
    value = given.get(f"fd.{end}{what}")
    if value is None and what in ("ip", "net"):
        value = given.get(f"fd.{end}{'net' if what == 'ip' else 'ip'}")
    return value


def _of_end(end: str, what: str) -> Callable[[Given], Any]:
    return lambda given: _end(given, end, what)


def _moment(text: Callable[[int], Any]) -> Callable[[Given], Any]:
    def derive(given: Given) -> Any:
        time_ns = given.get("evt.rawtime")
        return None if time_ns is None else text(time_ns)

    return derive


_DERIVED: dict[str, Callable[[Given], Any]] = {
    **dict(_of_family()),
    "evt.time": _moment(times.clock),
    "evt.time.s": _moment(times.clock_seconds),
    "evt.time.iso8601": _moment(times.iso8601),
    "evt.datetime": _moment(times.local),
    "evt.datetime.s": _moment(times.local_seconds),
    "evt.rawtime.s": _moment(lambda time_ns: time_ns // 1_000_000_000),
    "evt.rawtime.ns": _moment(lambda time_ns: time_ns % 1_000_000_000),
    "proc.cmdline": _command_line,
    "proc.args": _arguments,
    "proc.is_vpgid_leader": _leads_group,
    "evt.res": _result,
    "evt.rawres": _raw_result,
    "evt.failed": _failed,
    "evt.is_open_read": _opens("O_RDONLY", "O_RDWR"),
    "evt.is_open_write": _opens("O_WRONLY", "O_RDWR"),
    "fd.typechar": _typechar,
    "fd.type": lambda given: _FD_TYPES.get(given.get("fd.typechar") or ""),
    "fd.sockfamily": lambda given: _FAMILIES.get(_typechar(given) or ""),
    "fd.directory": _directory,
    "fd.filename": _file_name,
    **{f"fd.{what}": _endpoints(what) for what in ("ip", "port", "net")},
    "fd.proto": _endpoints("port"),
    **{f"fd.{end}{what}": _of_end(end, what) for end in "cslr" for what in ("ip", "net")},
}
