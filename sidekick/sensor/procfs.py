"""Processes as ``/proc`` shows them: those from before the sensor, and those it missed."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from sidekick.sensor.process import Process
from sidekick.sensor.record import ExeFlag, text_of

PROC = Path("/proc")
_MOST = 4096
"""Bytes of arguments and environment that are kept, as in the kernel's records."""

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_DELETED = " (deleted)"


def same_start(exact_ns: int, from_proc_ns: int) -> bool:
    """Can a time to the nanosecond and one from ``/proc`` be the same?"""
    return abs(exact_ns - from_proc_ns) <= 2 * _TICK_NS


def process_ids(proc: Path = PROC) -> list[int]:
    """Every process there is."""
    return [int(name) for name in os.listdir(proc) if name.isdigit()]


def read_process(pid: int, proc: Path = PROC) -> Process | None:
    """What can be seen of a process; None if it is gone."""
    folder = proc / str(pid)
    try:
        comm, parts = _stat(folder)
    except (OSError, ValueError):
        return None
    found = Process(
        pid=pid,
        start_ns=int(parts[19]) * _TICK_NS,
        ppid=int(parts[1]),
        exact=False,
        comm=comm,
        pgid=int(parts[2]),
        sid=int(parts[3]),
        tty=_device(int(parts[4])),
        argv=_vector(folder / "cmdline"),
        env=_vector(folder / "environ"),
        cwd=link(folder / "cwd"),
    )
    _read_status(folder, found)
    _look_at_executable(folder, found)
    return found


def link(path: Path) -> str | None:
    """Where a link of ``/proc`` points to."""
    try:
        return os.readlink(path).removesuffix(_DELETED)
    except OSError:
        return None


def _stat(folder: Path) -> tuple[str, list[str]]:
    text = (folder / "stat").read_bytes()
    # A name may hold blanks and parentheses; the last one closes it.
    end = text.rindex(b")")
    return text_of(text[text.index(b"(") + 1 : end]), text[end + 2 :].decode("ascii").split()


def _device(number: int) -> int:
    """The kernel's own number of a terminal; ``/proc`` prints the same one."""
    return number & 0xFFFFFFFF


def _vector(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_MOST).rstrip(b"\0")
    except OSError:
        return None


def _read_status(folder: Path, found: Process) -> None:
    """The ids of the process and of its group in its own namespace, and its capabilities."""
    text = b""
    with contextlib.suppress(OSError):
        text = (folder / "status").read_bytes()
    found.vpid = int(_last(text, b"NSpid") or found.pid)
    found.vpgid = int(_last(text, b"NSpgid") or found.pgid)
    found.cap_effective = int(_last(text, b"CapEff") or b"0", 16)
    found.cap_permitted = int(_last(text, b"CapPrm") or b"0", 16)


def _last(text: bytes, name: bytes) -> bytes:
    """The last value of a line of ``status``; a name in it cannot make up another (no newline)."""
    _, found, rest = text.partition(b"\n" + name + b":\t")
    values = rest.partition(b"\n")[0].split() if found else []
    return values[-1] if values else b""


def _look_at_executable(folder: Path, found: Process) -> None:
    path = link(folder / "exe")
    if path is None:
        return
    found.exepath = path
    if path.startswith("/memfd:"):
        found.exepath = path[1:]
        found.exe_flags |= ExeFlag.MEMFD
    with contextlib.suppress(OSError):
        about = os.stat(folder / "exe")
        found.exe_ino = about.st_ino
        found.exe_ctime_ns = about.st_ctime_ns
        found.exe_mtime_ns = about.st_mtime_ns
        if about.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            found.exe_flags |= ExeFlag.WRITABLE
