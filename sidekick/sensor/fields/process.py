"""``proc.*``, ``thread.*``, ``user.*`` and ``group.*``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sidekick.sensor import procfs
from sidekick.sensor.fields.extract import Event, Extract
from sidekick.sensor.flags import capability_names
from sidekick.sensor.process import Process
from sidekick.sensor.record import ExeFlag, Kind, text_of
from sidekick.sensor.users import UNSET

Of = Callable[[Process], Any]
_FAR = 64
"""Generations that can be asked for."""


def _name(event: Event) -> str:
    return text_of(event.record.header.comm)


def _cmdline(event: Event) -> str:
    args = event.process.args
    return f"{_name(event)} {args}" if args else _name(event)


def _exeline(event: Event) -> str | None:
    exe, args = event.process.exe, event.process.args
    return f"{exe} {args}" if exe and args else exe


def _cwd(event: Event) -> str | None:
    """With a slash at its end. Only an exec tells it; later it is looked up where it is wanted."""
    path = event.process.cwd
    if event.record.cwd:
        path = text_of(event.record.cwd)
    elif event.record.kind != Kind.EXEC:
        path = procfs.link(procfs.PROC / str(event.record.header.pid) / "cwd") or path
    return None if path is None else path.rstrip("/") + "/"


def _env(event: Event) -> str | None:
    env = event.process.env
    return None if env is None else text_of(env.replace(b"\0", b" ").strip())


def _parent(of: Of) -> Extract:
    def extract(event: Event) -> Any:
        parent = event.ancestor(1)
        return None if parent is None else of(parent)

    return extract


def _ancestors(of: Of) -> Extract:
    def extract(event: Event) -> tuple[Any, ...] | None:
        values = [of(process) for process in event.ancestors]
        return tuple(value for value in values if value is not None) or None

    return extract


def _ancestor(of: Of, own: Extract) -> Callable[[str], Extract]:
    def make(argument: str) -> Extract:
        generation = int(argument) if argument.isdigit() else _FAR
        if generation == 0:
            return own

        def extract(event: Event) -> Any:
            process = event.ancestor(generation) if generation < _FAR else None
            return None if process is None else of(process)

        return extract

    return make


def _duration(of: Callable[[Event], Process | None]) -> Extract:
    def extract(event: Event) -> int | None:
        process = of(event)
        if process is None or not process.start_ns:
            return None
        return max(event.record.header.time_ns - process.start_ns, 0)

    return extract


def _started(of: Callable[[Event], Process | None]) -> Extract:
    def extract(event: Event) -> int | None:
        process = of(event)
        return process.start_ns + event.knowledge.boot_ns if process else None

    return extract


def _itself(event: Event) -> Process | None:
    return event.process


def _above(event: Event) -> Process | None:
    return event.ancestor(1)


def _leader(of: Of) -> Extract:
    def extract(event: Event) -> Any:
        leader = event.knowledge.processes.session_leader(event.process)
        return None if leader is None else of(leader)

    return extract


def _group(of: Of) -> Extract:
    """Of the leader of the process group. In its own namespace it is the same process."""

    def extract(event: Event) -> Any:
        leader = event.knowledge.processes.get(event.record.header.pgid)
        return None if leader is None else of(leader)

    return extract


def _exe_flag(flag: ExeFlag) -> Extract:
    return lambda event: bool(event.process.exe_flags & flag)


def _exe_time(name: str) -> Extract:
    return lambda event: getattr(event.process, name) or None


def _since_change(start: Callable[[Event], int]) -> Extract:
    def extract(event: Event) -> int | None:
        changed = event.process.exe_ctime_ns
        passed = start(event) + event.knowledge.boot_ns - changed
        return passed if changed and passed > 0 else None

    return extract


def _login_shell(event: Event) -> int | None:
    """The eldest shell above, as Falco guesses who logged in."""
    found = None
    for process in (event.process, *event.ancestors):
        if len(process.comm) >= 2 and process.comm.endswith("sh"):
            found = process.pid
    return found


def _pidns_start(event: Event) -> int | None:
    start = event.process.pidns_start_ns
    return start + event.knowledge.boot_ns if start else None


def _header(name: str) -> Extract:
    return lambda event: getattr(event.record.header, name)


_GRANTING = frozenset({"unshare", "setns"})
"""Who enters a user namespace of its own has every capability there, after the call: what a rule
wants to know is what it had before, as in Falco."""


def _capabilities(name: str) -> Extract:
    def extract(event: Event) -> str:
        granted = event.record.type in _GRANTING
        return capability_names(getattr(event.process if granted else event.record.header, name))

    return extract


def _cap_inheritable(event: Event) -> str | None:
    if event.record.kind != Kind.EXEC:
        return None
    return capability_names(event.record["cap_inheritable"])


def _user_name(event: Event) -> str:
    return event.knowledge.users.user(event.record.header.uid, *event.view)


def _group_name(event: Event) -> str:
    return event.knowledge.users.group(event.record.header.gid, *event.view)


def _login_uid(event: Event) -> int:
    uid = event.record.header.login_uid
    return -1 if uid == UNSET else uid


def _login_name(event: Event) -> str:
    return event.knowledge.users.login(event.record.header.login_uid)


def _inner_parent(event: Event) -> int | None:
    parent = event.ancestor(1)
    return parent.vpid if parent else None


def _children(event: Event) -> int:
    return len(event.process.children or ())


def _same(left: str, right: str) -> Extract:
    return lambda event: getattr(event.record.header, left) == getattr(event.record.header, right)


def _comm(process: Process) -> str:
    return process.comm


def _exe(process: Process) -> str | None:
    return process.exe


def _exepath(process: Process) -> str | None:
    return process.exepath


def _line(process: Process) -> str:
    return process.cmdline


def _pid(process: Process) -> int:
    return process.pid


PLAIN: dict[str, Extract] = {
    "proc.name": _name,
    "proc.exe": lambda event: event.process.exe,
    "proc.exepath": lambda event: event.process.exepath,
    "proc.args": lambda event: event.process.args,
    "proc.cmdline": _cmdline,
    "proc.exeline": _exeline,
    "proc.cwd": _cwd,
    "proc.env": _env,
    "proc.pname": _parent(_comm),
    "proc.pexe": _parent(_exe),
    "proc.pexepath": _parent(_exepath),
    "proc.pcmdline": _parent(_line),
    "proc.aname": _ancestors(_comm),
    "proc.aexe": _ancestors(_exe),
    "proc.aexepath": _ancestors(_exepath),
    "proc.acmdline": _ancestors(_line),
    "proc.apid": _ancestors(_pid),
    "proc.sname": _leader(_comm),
    "proc.sid.exe": _leader(_exe),
    "proc.sid.exepath": _leader(_exepath),
    "proc.pgid.name": _group(_comm),
    "proc.pgid.exe": _group(_exe),
    "proc.pgid.exepath": _group(_exepath),
    "proc.vpgid.name": _group(_comm),
    "proc.vpgid.exe": _group(_exe),
    "proc.vpgid.exepath": _group(_exepath),
    "proc.pid": _header("pid"),
    "proc.ppid": _header("ppid"),
    "proc.vpid": _header("vpid"),
    "proc.pvpid": _inner_parent,
    "proc.sid": _header("sid"),
    "proc.pgid": _header("pgid"),
    "proc.vpgid": _header("vpgid"),
    "proc.tty": _header("tty"),
    "proc.loginshellid": _login_shell,
    "proc.nchilds": _children,
    "proc.duration": _duration(_itself),
    "proc.ppid.duration": _duration(_above),
    "proc.pid.ts": _started(_itself),
    "proc.ppid.ts": _started(_above),
    "proc.is_exe_writable": _exe_flag(ExeFlag.WRITABLE),
    "proc.is_exe_upper_layer": _exe_flag(ExeFlag.UPPER_LAYER),
    "proc.is_exe_lower_layer": _exe_flag(ExeFlag.LOWER_LAYER),
    "proc.is_exe_from_memfd": _exe_flag(ExeFlag.MEMFD),
    "proc.exe_ino": _exe_time("exe_ino"),
    "proc.exe_ino.ctime": _exe_time("exe_ctime_ns"),
    "proc.exe_ino.mtime": _exe_time("exe_mtime_ns"),
    "proc.exe_ino.ctime_duration_proc_start": _since_change(lambda e: e.process.start_ns),
    "proc.exe_ino.ctime_duration_pidns_start": _since_change(lambda e: e.process.pidns_start_ns),
    "proc.pidns_init_start_ts": _pidns_start,
    "proc.is_sid_leader": _same("sid", "pid"),
    "proc.is_pgid_leader": _same("pgid", "pid"),
    "proc.is_vpgid_leader": _same("vpgid", "vpid"),
    "thread.tid": _header("tid"),
    "thread.vtid": _header("vtid"),
    "thread.ismain": _same("tid", "pid"),
    "thread.cap_effective": _capabilities("cap_effective"),
    "thread.cap_permitted": _capabilities("cap_permitted"),
    "thread.cap_inheritable": _cap_inheritable,
    "user.uid": _header("uid"),
    "user.name": _user_name,
    "user.loginuid": _login_uid,
    "user.loginname": _login_name,
    "group.gid": _header("gid"),
    "group.name": _group_name,
}

KEYED: dict[str, Callable[[str], Extract]] = {
    "proc.aname": _ancestor(_comm, _name),
    "proc.aexe": _ancestor(_exe, lambda event: event.process.exe),
    "proc.aexepath": _ancestor(_exepath, lambda event: event.process.exepath),
    "proc.acmdline": _ancestor(_line, _cmdline),
    "proc.apid": _ancestor(_pid, _header("pid")),
    "proc.env": lambda name: lambda event: event.process.variable(name),
    "proc.aenv": lambda name: _ancestors(lambda process: process.variable(name)),
}
