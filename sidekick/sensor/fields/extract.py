"""What extractors of fields work on: a record, its process, and what the sensor knows beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from sidekick.sensor import procfs
from sidekick.sensor.containers import Containers
from sidekick.sensor.process import Process
from sidekick.sensor.processes import Processes
from sidekick.sensor.record import Kind, Record
from sidekick.sensor.sockets import Tuples
from sidekick.sensor.users import Users


class Names(Protocol):
    """The domain names that rules ask for, resolved beforehand."""

    def of(self, address: bytes) -> tuple[str, ...]:
        """Those that stand for an address."""
        ...


@dataclass(slots=True)
class Knowledge:
    """What the sensor has gathered. ``boot_ns`` is when the machine started, since the epoch."""

    processes: Processes
    users: Users
    containers: Containers
    boot_ns: int = 0
    hostname: str = ""
    tuples: Tuples = field(default_factory=Tuples)
    names: Names | None = None


class Event(dict[str, Any]):
    """One event. Its values are kept as they are asked for; ``known`` holds what is none."""

    __slots__ = ("__dict__", "knowledge", "number", "process", "record")

    def __init__(
        self, record: Record, process: Process, knowledge: Knowledge, number: int = 0
    ) -> None:
        self.record = record
        self.process = process
        self.knowledge = knowledge
        self.number = number

    @property
    def time_ns(self) -> int:
        """When it was, since the epoch."""
        return self.record.header.time_ns + self.knowledge.boot_ns

    @property
    def result(self) -> int | None:
        """What the call gave; an exec that is told as such succeeded."""
        return 0 if self.record.kind == Kind.EXEC else self.record.result

    @cached_property
    def view(self) -> tuple[str, Path | None]:
        """Whose files name its users: the container's, as the process sees them."""
        container = self.knowledge.containers.of(self.record.header.cgroup_id).id
        root = procfs.PROC / str(self.record.header.pid) / "root" if container else None
        return container, root

    @cached_property
    def ancestors(self) -> tuple[Process, ...]:
        """Its process' parent and all above."""
        return tuple(self.knowledge.processes.ancestors(self.process))

    def ancestor(self, generation: int) -> Process | None:
        """The process itself for 0, its parent for 1, and so on."""
        process: Process | None = self.process
        while generation and process is not None:
            process = self.knowledge.processes.parent(process)
            generation -= 1
        return process


Extract = Callable[[Event], Any]
