"""Events with processes around them, as the fields see them."""

from __future__ import annotations

from typing import Any

from sidekick.sensor.containers import ContainerInfo, Containers
from sidekick.sensor.fields import EventFields
from sidekick.sensor.fields.extract import Knowledge
from sidekick.sensor.process import Process
from sidekick.sensor.processes import Processes
from sidekick.sensor.record import Kind
from sidekick.sensor.users import Users
from tests.sensor.records import Header, Record

BOOT_NS = 1_700_000_000_000_000_000
CONTAINER = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e"
CGROUP = 77

INIT = Process(1, 1, comm="systemd", argv=b"/sbin/init", exepath="/usr/lib/systemd/systemd")
SSHD = Process(
    30,
    1_000_000_000,
    ppid=1,
    comm="sshd",
    argv=b"sshd: ann",
    exepath="/usr/sbin/sshd",
    sid=30,
    env=b"LANG=C",
)
BASH = Process(
    50, 2_000_000_000, ppid=30, comm="bash", argv=b"-bash", exepath="/bin/bash", sid=50, vpid=50
)


class Runtime:
    def __init__(self, info: ContainerInfo) -> None:
        self._info = info

    def inspect(self, container_id: str) -> ContainerInfo | None:
        return self._info


class SameThread:
    """Carries out at once what others would in the background."""

    def submit(self, function: Any, *arguments: Any) -> None:
        function(*arguments)


def knowledge(info: ContainerInfo | None = None) -> Knowledge:
    """Init, sshd and bash are known, and a container by the cgroup CGROUP."""
    above = {process.pid: process for process in (INIT, SSHD, BASH)}
    processes = Processes(read=above.get)
    processes.scan(above)
    executor: Any = SameThread()
    runtimes = [Runtime(info)] if info else []
    containers = Containers(runtimes, executor, clock=lambda: 0.0)
    containers.learn(CGROUP, f"/docker/{CONTAINER}")
    users = Users(lambda: 0)
    return Knowledge(processes, users, containers, boot_ns=BOOT_NS, hostname="node")


def event(record: Record, known: Knowledge | None = None) -> EventFields:
    """The fields of a record; an exec changes its process first."""
    known = known or knowledge()
    if record.kind == Kind.EXEC:
        process = known.processes.executed(record)
    else:
        process = known.processes.of(record.header)
        if process.argv is None:
            process.argv, process.exepath = b"/bin/cat\0-n\0/etc/shadow", "/usr/bin/cat"
            process.cwd = "/root"
    return EventFields(record, process, known, 7)


__all__ = ["BOOT_NS", "CGROUP", "CONTAINER", "Header", "event", "knowledge"]
