"""What extractors of fields work on: a record, its process, and what the sensor knows beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sidekick.sensor import procfs
from sidekick.sensor.containers import Containers
from sidekick.sensor.process import Process
from sidekick.sensor.processes import Processes
from sidekick.sensor.record import Kind, Record
from sidekick.sensor.sockets import Tuples
from sidekick.sensor.users import Users

T = TypeVar("T")


class Names(Protocol):
    """The domain names that rules ask for, resolved beforehand."""

    def of(self, address: bytes) -> tuple[str, ...]:
        """Those that stand for an address."""
        ...


@dataclass(slots=True)
class Knowledge:
    """What the sensor has gathered. ``boot_ns`` is when the machine started, since the epoch;
    ``root_device`` is that of the machine's root directory, 0 if nobody knows it."""

    processes: Processes
    users: Users
    containers: Containers
    boot_ns: int = 0
    hostname: str = ""
    root_device: int = 0
    tuples: Tuples = field(default_factory=Tuples)
    names: Names | None = None


class Event(dict[str, Any]):
    """One event. Its values are kept as they are asked for; ``known`` holds what is none."""

    __slots__ = ("_descriptor", "knowledge", "number", "path", "process", "record")

    def __init__(
        self,
        record: Record,
        process: Process,
        knowledge: Knowledge,
        number: int = 0,
        *,
        path: str | None = None,
    ) -> None:
        """``path`` is that of what was opened, in place of the one that it led to."""
        self.record = record
        self.process = process
        self.knowledge = knowledge
        self.number = number
        self.path = path
        self._descriptor: Any = None

    @property
    def time_ns(self) -> int:
        """When it was, since the epoch."""
        return self.record.header.time_ns + self.knowledge.boot_ns

    @property
    def result(self) -> int | None:
        """What the call gave; an exec that is told as such succeeded."""
        return 0 if self.record.kind == Kind.EXEC else self.record.result

    @property
    def view(self) -> tuple[str, Path | None]:
        """Whose files name its users: the container's, as the process sees them."""
        container = self.knowledge.containers.of(self.record.header.cgroup_id).id
        root = procfs.PROC / str(self.record.header.pid) / "root" if container else None
        return container, root

    def once(self, work_out: Callable[[Event], T]) -> T:
        """What ``work_out`` finds, found once; there is one such thing, the descriptor."""
        if self._descriptor is None:
            self._descriptor = work_out(self)
        return cast(T, self._descriptor)

    @property
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
