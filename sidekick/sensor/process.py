"""A process as the sensor remembers it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sidekick.sensor.record import text_of


@dataclass(slots=True)
class Process:
    """What was known of a process when it was last heard of.

    ``argv`` and ``env`` are its argument vector and environment, with a NUL between the parts, None
    if nobody knows them. ``start_ns`` is when it was made, in ns since the machine started; with
    ``pid`` it names the process for good. ``exact`` tells whether it is to the nanosecond.
    ``checked`` is the last of the table's doubts that it was looked up for.
    """

    pid: int
    start_ns: int
    ppid: int = 0
    exact: bool = True
    comm: str = ""
    argv: bytes | None = None
    env: bytes | None = None
    exepath: str | None = None
    cwd: str | None = None
    tty: int = 0
    sid: int = 0
    pgid: int = 0
    vpid: int = 0
    vpgid: int = 0
    exe_ino: int = 0
    exe_ctime_ns: int = 0
    exe_mtime_ns: int = 0
    exe_flags: int = 0
    pidns_start_ns: int = 0
    cap_effective: int = 0
    cap_permitted: int = 0
    ended: bool = False
    checked: int = 0
    children: set[int] | None = None

    @property
    def exe(self) -> str | None:
        """Its first argument, which is what it was called by."""
        return None if self.argv is None else text_of(self.argv.partition(b"\0")[0])

    @property
    def args(self) -> str | None:
        """All but the first argument, with a blank between them."""
        if self.argv is None:
            return None
        return text_of(self.argv.partition(b"\0")[2].replace(b"\0", b" "))

    @property
    def cmdline(self) -> str:
        """Its name, then its arguments."""
        args = self.args
        return f"{self.comm} {args}" if args else self.comm

    def variable(self, name: str) -> str | None:
        """A variable of its environment."""
        start = name.encode() + b"="
        for part in (self.env or b"").split(b"\0"):
            if part.startswith(start):
                return text_of(part[len(start) :])
        return None

    def is_now(self, found: Process) -> None:
        """It was found to be this, whatever was known of it."""
        self.comm, self.argv, self.env = found.comm, found.argv, found.env
        self.exepath, self.cwd = found.exepath, found.cwd
        self.exe_ino, self.exe_flags = found.exe_ino, found.exe_flags
        self.exe_ctime_ns, self.exe_mtime_ns = found.exe_ctime_ns, found.exe_mtime_ns

    def forked(self, pid: int, start_ns: int) -> Process:
        """Its child, which has everything of it at first."""
        return replace(self, pid=pid, start_ns=start_ns, ppid=self.pid, children=None, ended=False)
