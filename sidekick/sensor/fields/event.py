"""``evt.*``: the event itself."""

from __future__ import annotations

import os
from collections.abc import Callable

from sidekick.sensor import flags
from sidekick.sensor.fields import arguments
from sidekick.sensor.fields.extract import Event, Extract
from sidekick.sensor.fields.paths import argument_path, path_names
from sidekick.sensor.flags import error_name, flag_names
from sidekick.sensor.record import Kind, text_of

ARGUMENT = "evt.arg."
RAW_ARGUMENT = "evt.rawarg."

_OPENS = frozenset({"open", "openat", "openat2", "open_by_handle_at"})
_MAKING = frozenset({"open", "openat", "openat2", "creat"})
_READS = frozenset({"recvfrom", "recvmsg", "recvmmsg"})
_WRITES = frozenset({"sendto", "sendmsg", "sendmmsg"})
_EXECUTABLE = 0o111
_TMPFILE = 0o20000000


def _result(event: Event) -> int | None:
    return event.result


def _res(event: Event) -> str | None:
    result = event.result
    return None if result is None else "SUCCESS" if result >= 0 else error_name(result)


def _failed(event: Event) -> bool:
    result = event.result
    return result is not None and result < 0


def _access(event: Event) -> int | None:
    """How a file was opened: the kernel's O_RDONLY, O_WRONLY or O_RDWR."""
    if event.record.type not in _OPENS:
        return None
    found = event.record.argument("flags")
    return found & os.O_ACCMODE if isinstance(found, int) else None


def _is_open_read(event: Event) -> bool:
    return _access(event) in (os.O_RDONLY, os.O_RDWR)


def _is_open_write(event: Event) -> bool:
    return _access(event) in (os.O_WRONLY, os.O_RDWR)


def _is_open_exec(event: Event) -> bool:
    record = event.record
    if record.type not in _MAKING:
        return False
    mode, given = record.argument("mode"), record.argument("flags")
    makes = record.type == "creat" or (
        isinstance(given, int) and bool(given & (os.O_CREAT | _TMPFILE))
    )
    return makes and isinstance(mode, int) and bool(mode & _EXECUTABLE)


def _args(event: Event) -> str:
    if event.record.kind == Kind.EXEC:
        pairs = [(name, extract(event)) for name, extract in _EXEC.items()]
        return " ".join(f"{name}={value}" for name, value in pairs if value is not None)
    found = ((n, arguments.shown(event, n)) for n in arguments.parameters(event.record.type))
    return " ".join(f"{name}={value}" for name, value in found if value is not None)


def _buffer(event: Event) -> bytes | None:
    return event.record.data


def _buffer_length(event: Event) -> int | None:
    return event.result if event.record.data is not None else None


def _abspath(event: Event) -> str | None:
    names = path_names(event.record.type)
    return argument_path(event, names[-1]) if names else None


def argument(name: str) -> Extract:
    """``evt.arg.NAME``: a parameter as text."""

    def extract(event: Event) -> str | None:
        if event.record.kind == Kind.EXEC:
            made = _EXEC.get(name)
            value = made(event) if made else None
            return None if value is None else str(value)
        found = arguments.shown(event, name)
        return None if found is None else found.text

    return extract


def raw_argument(name: str) -> Extract:
    """``evt.rawarg.NAME``: a parameter's value."""
    return lambda event: arguments.raw(event, name)


def _numbered(key: str) -> Extract:
    """``evt.arg[NAME]`` and ``evt.arg[0]``."""
    if not key.isdigit():
        return argument(key)
    number = int(key)

    def extract(event: Event) -> str | None:
        is_exec = event.record.kind == Kind.EXEC
        names = tuple(_EXEC) if is_exec else arguments.parameters(event.record.type)
        return argument(names[number])(event) if number < len(names) else None

    return extract


def _exe_flags(event: Event) -> str:
    bits = event.process.exe_flags & ~16
    return flag_names(bits, flags.EXE) or "0"


def _part(name: str) -> Extract:
    def extract(event: Event) -> str | None:
        found = event.record[name]
        return text_of(found) if isinstance(found, bytes) else None

    return extract


_EXEC: dict[str, Extract] = {
    "res": _result,
    "exe": lambda event: event.process.exe,
    "args": lambda event: event.process.args,
    "tid": lambda event: event.record.header.tid,
    "pid": lambda event: event.record.header.pid,
    "ptid": lambda event: event.record.header.ppid,
    "cwd": lambda event: event.process.cwd,
    "comm": lambda event: text_of(event.record.header.comm),
    "tty": lambda event: event.record.header.tty,
    "vpgid": lambda event: event.record.header.vpgid,
    "loginuid": lambda event: event["user.loginuid"],
    "flags": _exe_flags,
    "exe_ino": lambda event: event.process.exe_ino,
    "uid": lambda event: event["user.name"],
    "trusted_exepath": lambda event: event.process.exepath,
    "pgid": lambda event: event.record.header.pgid,
    "gid": lambda event: event["group.name"],
    "filename": _part("filename"),
}
"""The parameters of a successful exec that are filled, by Falco's name."""

PLAIN: dict[str, Extract] = {
    "evt.num": lambda event: event.number,
    "evt.type": lambda event: event.record.type,
    "syscall.type": lambda event: event.record.type,
    "evt.source": lambda _: "syscall",
    "evt.dir": lambda _: "<",
    "evt.cpu": lambda event: event.record.header.cpu,
    "evt.count": lambda _: 1,
    "evt.rawtime": lambda event: event.time_ns,
    "evt.rawtime.s": lambda event: event.time_ns // 1_000_000_000,
    "evt.rawtime.ns": lambda event: event.time_ns % 1_000_000_000,
    "evt.hostname": lambda event: event.knowledge.hostname,
    "evt.args": _args,
    "evt.info": _args,
    "evt.rawres": _result,
    "evt.res": _res,
    "evt.failed": _failed,
    "evt.is_async": lambda _: False,
    "evt.is_io_read": lambda event: event.record.type in _READS,
    "evt.is_io_write": lambda event: event.record.type in _WRITES,
    "evt.is_io": lambda event: event.record.type in _READS | _WRITES,
    "evt.is_open_read": _is_open_read,
    "evt.is_open_write": _is_open_write,
    "evt.is_open_exec": _is_open_exec,
    "evt.buffer": _buffer,
    "evt.buflen": _buffer_length,
    "evt.abspath": _abspath,
}

KEYED: dict[str, Callable[[str], Extract]] = {"evt.arg": _numbered}
