"""``evt.arg.*`` and ``evt.args``: the parameters of a call as Falco prints them.

A parameter is shown as its raw text, and where that says little with what it stands for in
parentheses: ``flags=4097(O_RDONLY|O_CLOEXEC)``. ``evt.arg.flags`` is the latter where there is one.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from sidekick.ebpf.calls import all_calls
from sidekick.sensor import flags
from sidekick.sensor.fields.descriptor import described
from sidekick.sensor.fields.extract import Event
from sidekick.sensor.fields.paths import argument_path, directory_of_path
from sidekick.sensor.flags import error_name, flag_names, open_flags
from sidekick.sensor.record import text_of
from sidekick.sensor.sockets import sockaddr

_AT_FDCWD = -100
_UNSET = 0xFFFFFFFF
NOTHING = "<NA>"
_DETOURS = ("/../", "/./", "//")


class Shown(NamedTuple):
    """A parameter as text: raw, and what it stands for ("" where the raw text says it all)."""

    raw: str
    meaning: str = ""

    @property
    def text(self) -> str:
        """As ``evt.arg.*`` has it."""
        return self.meaning or self.raw

    def __str__(self) -> str:
        return f"{self.raw}({self.meaning})" if self.meaning else self.raw


Show = Callable[[Event, str, Any], Shown]


def parameters(type_: str) -> tuple[str, ...]:
    """The names of the parameters of a type of events, in order."""
    call = all_calls().get(type_)
    return call.parameters if call else ()


def shown(event: Event, name: str) -> Shown | None:
    """A parameter of an event; None if it has none of that name."""
    if name not in parameters(event.record.type):
        return None
    special = _SPECIAL.get(name)
    if special is not None and (found := special(event)) is not None:
        return found
    value = event.record.argument(name)
    if value is None:
        return None
    return _SHOW.get(kind_of(event.record.type, name), _plain)(event, name, value)


def raw(event: Event, name: str) -> Any:
    """A parameter's value, in Falco's numbers."""
    if name == "res":
        return event.result
    value = event.record.argument(name)
    if kind_of(event.record.type, name) == "open_flags" and isinstance(value, int):
        return open_flags(value)
    return value


@cache
def kind_of(type_: str, name: str) -> str:
    """What a parameter is, from the table of calls."""
    call = all_calls().get(type_)
    kinds = {argument.name: argument.kind for argument in call.arguments} if call else {}
    if "how" in kinds:
        kinds |= {"flags": "open_flags", "mode": "mode"}
    if "args" in kinds:
        kinds |= {"flags": "clone_flags"}
    return kinds.get(name, "")


# -- by name: what is no argument of the call ------------------------------------------------


def _result(event: Event) -> Shown | None:
    result = event.result
    if result is None:
        return None
    return Shown(str(result), error_name(result) if result < 0 else "")


def _new_fd(event: Event) -> Shown | None:
    call = all_calls().get(event.record.type)
    if call is None or not call.makes_fd:
        return None
    result = event.result or 0
    return _fd(event, "fd", result) if result >= 0 else Shown(str(result), error_name(result))


def _tuple(event: Event) -> Shown | None:
    return Shown(described(event).path or NOTHING)


def _of_file(name: str, form: str) -> Callable[[Event], Shown | None]:
    def show(event: Event) -> Shown | None:
        file = event.record.file
        return None if file is None else Shown(format(getattr(file, name), form))

    return show


_SPECIAL: Mapping[str, Callable[[Event], Shown | None]] = {
    "res": _result,
    "fd": _new_fd,
    "tuple": _tuple,
    "dev": _of_file("dev", "X"),
    "ino": _of_file("ino", "d"),
}

# -- by kind ---------------------------------------------------------------------------------


def _plain(event: Event, name: str, value: Any) -> Shown:
    return Shown(text_of(value) or NOTHING) if isinstance(value, bytes) else Shown(str(value))


def _fd(event: Event, name: str, value: int) -> Shown:
    found = described(event)
    if found.kind is None or not found.known:
        return Shown(str(value))
    return Shown(str(value), f"<{found.kind.letter}>{found.path or ''}")


def _dirfd(event: Event, name: str, value: int) -> Shown:
    if value == _AT_FDCWD:
        return Shown(str(value), "AT_FDCWD")
    directory = event.record.text(name)
    return Shown(str(value), f"<d>{text_of(directory)}" if directory else "")


def _path(event: Event, name: str, value: bytes) -> Shown:
    text = text_of(value)
    if not text:
        return Shown(NOTHING)
    # Falco shows the path as it was given; so `/etc/../etc/shadow` passes by its rules.
    if text.startswith("/") and not any(way in text for way in _DETOURS):
        return Shown(text)
    whole = argument_path(event, name, directory_of_path(event.record.type, name))
    return Shown(text, whole or "")


def _open_flags(event: Event, name: str, value: int) -> Shown:
    number = open_flags(value)
    return Shown(str(number), flag_names(number, flags.OPEN))


def _bits(table: flags.Table) -> Show:
    return lambda event, name, value: Shown(str(value), flag_names(value, table))


def _named(table: Mapping[int, str]) -> Show:
    return lambda event, name, value: Shown(str(value), table.get(value, ""))


def _mode(event: Event, name: str, value: int) -> Shown:
    return Shown(f"0{value:o}" if value else "0", flag_names(value & 0o7777, flags.MODE))


def _hexadecimal(event: Event, name: str, value: int) -> Shown:
    return Shown(f"{value:X}")


def _uid(event: Event, name: str, value: int) -> Shown:
    if value in (_UNSET, -1):
        return Shown("-1", NOTHING)
    return Shown(str(value), event.knowledge.users.user(value, *event.view))


def _gid(event: Event, name: str, value: int) -> Shown:
    if value in (_UNSET, -1):
        return Shown("-1", NOTHING)
    return Shown(str(value), event.knowledge.users.group(value, *event.view))


def _pid(event: Event, name: str, value: int) -> Shown:
    process = event.knowledge.processes.get(value) if value > 0 else None
    return Shown(str(value), process.comm if process else "")


def _signal(event: Event, name: str, value: int) -> Shown:
    try:
        return Shown(str(value), signal.Signals(value).name)
    except ValueError:
        return Shown(str(value))


def _data(event: Event, name: str, value: Any) -> Shown:
    if not isinstance(value, bytes):
        return Shown(str(value))
    return Shown("".join(chr(b) if 32 <= b < 127 else "." for b in value) or NOTHING)


def _address(event: Event, name: str, value: Any) -> Shown:
    return Shown(sockaddr(value).text or NOTHING) if isinstance(value, bytes) else Shown(NOTHING)


_SHOW: Mapping[str, Show] = {
    "fd": _fd,
    "dirfd": _dirfd,
    "path": _path,
    "open_flags": _open_flags,
    "mode": _mode,
    "device": _hexadecimal,
    "pointer": _hexadecimal,
    "uid": _uid,
    "gid": _gid,
    "pid": _pid,
    "signal": _signal,
    "data": _data,
    "result_data": _data,
    "message": _data,
    "messages": _data,
    "address": _address,
    "address_out": _address,
    "socket_family": _named(flags.FAMILY),
    "ptrace_request": _named(flags.PTRACE),
    "bpf_command": _named(flags.BPF),
    "prctl_option": _named(flags.PRCTL),
    "fcntl_command": _named(flags.FCNTL),
    "clone_flags": _bits(flags.CLONE),
    "linkat_flags": _bits(flags.LINK),
    "unlinkat_flags": _bits(flags.UNLINK),
    "renameat2_flags": _bits(flags.RENAME),
    "memfd_flags": _bits(flags.MEMFD),
    "module_flags": _bits(flags.MODULE),
    "mount_flags": _bits(flags.MOUNT),
    "umount_flags": _bits(flags.UMOUNT),
    "execveat_flags": _bits(flags.EXECVEAT),
}
