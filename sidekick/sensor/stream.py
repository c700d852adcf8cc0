"""The stream of records: each changes what is known, and those that rules ask for are matched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from sidekick.model import Alert
from sidekick.sensor import procfs
from sidekick.sensor.fields import EventFields
from sidekick.sensor.fields.descriptor import other_paths
from sidekick.sensor.fields.extract import Knowledge
from sidekick.sensor.fields.paths import argument_path
from sidekick.sensor.process import Process
from sidekick.sensor.record import Flag, Kind, Record, text_of
from sidekick.sensor.repeats import Repeats

SYSCALL = "syscall"
_STATE = int(Flag.STATE)  # an enum's own "&" costs as much as a field
_MOVES = frozenset({"chdir", "fchdir", "chroot"})


class Engine(Protocol):
    """The rules."""

    def alerts(
        self, source: str, type: str, record: Mapping[str, Any], time_ns: int
    ) -> Sequence[Alert]:
        """The alerts of an event."""
        ...


class Stream:
    """Takes records in the order of their times. ``events`` counts those that were matched.

    A file has several names: the path that the call was given, which most rules are written for,
    the one that its links led to, which nobody can choose, and the one that a mount hides. A rule
    that matches under any of them gives an alert, once. ``every``: the rules give all alerts of an
    event, not that of the first.

    ``on_cgroup`` is told of each new cgroup whether it is a container's. ``repeats`` counts events
    that it need not look at, ``records`` all records by type.
    """

    def __init__(
        self,
        engine: Engine,
        knowledge: Knowledge,
        *,
        on_cgroup: Callable[[int, bool], None] = lambda _id, _inside: None,
        repeats: int = 0,
    ) -> None:
        """``repeats``: so many identical events are told one by one, 0: all are."""
        self.engine = engine
        self.every = False
        self.events = 0
        self.repeats = Repeats(repeats)
        self.records: Counter[str] = Counter()
        self._knowledge = knowledge
        self._processes = knowledge.processes
        self._on_cgroup = on_cgroup

    def take(self, records: Iterable[Record]) -> list[Alert]:
        """What the rules say to some records."""
        alerts: list[Alert] = []
        counts = self.records
        for record in records:
            counts[record.type] += 1
            match record.kind:
                case Kind.CALL:
                    alerts += self._call(record)
                case Kind.EXEC:
                    alerts += self._executed(record)
                case Kind.FORK:
                    _keep_capabilities(record, self._processes.of(record.header))
                    self._processes.forked(record)
                case Kind.EXIT:
                    if record["last"]:
                        self._changed(record.header.pid)
                    self._processes.exited(record)
                case Kind.RENAME:
                    self._changed(record["target_pid"] or record.header.pid)
                    self._processes.renamed(record)
                case Kind.CGROUP:
                    self._cgroup(record)
        return alerts

    def _changed(self, pid: int) -> None:
        """What is known of a process, and so of those below it, is about to change."""
        if self.repeats:
            self.repeats.changed(pid, self._processes.has_children(pid))

    def _executed(self, record: Record) -> Sequence[Alert]:
        self._changed(record.header.pid)
        process = self._processes.executed(record)
        _keep_capabilities(record, process)
        if record.header.vpid == 1:
            container = self._knowledge.containers.of(record.header.cgroup_id).id
            if container:
                # It may be gone before its runtime has answered, and with it its users' names.
                root = procfs.PROC / str(record.header.pid) / "root"
                self._knowledge.users.look(container, root)
        return self._match(record, process)

    def _call(self, record: Record) -> Sequence[Alert]:
        process = self._processes.of(record.header)
        if record.type in _MOVES and record.result == 0:
            self._moved(record, process)
        if record.header.flags & _STATE:
            found: Sequence[Alert] = ()
        elif self.repeats.again(record):
            self.events += 1
            return ()
        elif found := self._match(record, process):
            self.repeats.note(record, found)
        _keep_capabilities(record, process)
        return found

    def _match(self, record: Record, process: Process) -> Sequence[Alert]:
        self.events += 1
        event = EventFields(record, process, self._knowledge, self.events)
        others, alone = other_paths(event)
        found = () if alone else self.engine.alerts(SYSCALL, record.type, event, event.time_ns)
        for path in others:
            if found and not self.every:
                break
            event = EventFields(record, process, self._knowledge, self.events, path=path)
            more = self.engine.alerts(SYSCALL, record.type, event, event.time_ns)
            known = {alert.rule for alert in found}
            found = [*found, *(alert for alert in more if alert.rule not in known)]
        return found

    def _moved(self, record: Record, process: Process) -> None:
        """Its working directory is another one: the kernel tells it after the call."""
        self._changed(record.header.pid)
        if record.cwd:
            process.cwd = text_of(record.cwd)
        elif record.type != "fchdir":
            event = EventFields(record, process, self._knowledge)
            process.cwd = argument_path(event, "path") or process.cwd
        elif record.file:
            process.cwd = text_of(record.file.path)

    def _cgroup(self, record: Record) -> None:
        number = record["cgroup_id"]
        found = self._knowledge.containers.learn(number, text_of(record["path"]))
        self._on_cgroup(number, bool(found.id))


def _keep_capabilities(record: Record, process: Process) -> None:
    if record.header.tid == record.header.pid:
        process.cap_effective = record.header.cap_effective
        process.cap_permitted = record.header.cap_permitted
