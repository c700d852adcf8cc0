"""A hub on a real log, with a pipeline that tells all lanes and sinks that keep what they get."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from sidekick import document
from sidekick.hub import lanes
from sidekick.hub.config import LogConfig
from sidekick.hub.hub import Hub
from sidekick.hub.state import Pipeline
from sidekick.model import Alert, Assessment, Envelope, Outcome, Priority
from sidekick.pipeline.process import PipelineConfig, Process
from sidekick.pipeline.silence import Silences
from sidekick.rules.compile import compile_condition
from sidekick.sinks import LaneConfig, SinkConfig
from tests.hub.logs import SMALL

FAST = {"backoff_first": 0.001, "backoff_max": 0.01, "breaker_pause": 0.01, "timeout": 5}


def alert(number: int, priority: Priority = Priority.NOTICE, output: str = "") -> Alert:
    """An alert that is told from others by its number."""
    return Alert(
        rule=f"Rule {number}",
        priority=priority,
        source="syscall",
        time="2026-05-28T20:26:40Z",
        time_ns=number,
        fields={"proc.name": "bash", "my.number": number},
        fields_json=b'{"proc.name":"bash","my.number":%d}' % number,
        output=output,
    )


def number_of(body: bytes) -> int:
    """The number of the alert in a document."""
    return int(document.read(body).output_fields["my.number"])


class Sink:
    """Keeps what it was sent; ``act`` may raise, ``gate`` holds deliveries up, ``door`` opening."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.tries: list[list[int]] = []
        self.ids: dict[int, set[str]] = {}
        self.act: Callable[[list[int]], object] = lambda numbers: None
        self.gate = asyncio.Event()
        self.gate.set()
        self.door = asyncio.Event()
        self.door.set()
        self.flying = self.most_flying = 0
        self.opened = 0
        self.cannot_open = 0

    @property
    def got(self) -> list[int]:
        """The numbers of all alerts it took, in the order they came."""
        return [n for batch in self.batches for n in batch]

    async def send(self, batch: Sequence[Envelope]) -> None:
        numbers = [number_of(e.body) for e in batch]
        for number, envelope in zip(numbers, batch, strict=True):
            self.ids.setdefault(number, set()).add(envelope.id)
        self.tries.append(numbers)
        self.flying += 1
        self.most_flying = max(self.flying, self.most_flying)
        try:
            await self.gate.wait()
        finally:
            self.flying -= 1
        self.act(numbers)
        self.batches.append(numbers)

    async def probe(self) -> None:
        pass

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Sink]:
        await self.door.wait()
        self.opened += 1
        if self.opened <= self.cannot_open:
            raise OSError("no way there")
        yield self


class TellsAll:
    """A pipeline that tells its lanes of every alert and remembers what it saw."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.silences = cast(Silences, None)
        self.faults = 0
        self.last_fault = ""
        self.seen: list[str] = []
        self.restored: dict[str, bytes] = {}

    def process(self, alert: Alert, now_ns: int) -> Outcome:
        self.seen.append(alert.rule)
        return Outcome(alert, Assessment(fingerprint="f"), self.names)

    def due(self, now_ns: int) -> list[Outcome]:
        return []

    def changes(self) -> list[tuple[str, bytes | None]]:
        return [("seen", b"%d" % len(self.seen))]

    def snapshot(self) -> list[tuple[str, bytes]]:
        return [("seen", b"%d" % len(self.seen))]

    def restore(self, items: Iterable[tuple[str, bytes]]) -> None:
        self.restored = dict(items)


def real_pipeline(*names: str, **sections: Any) -> Process:
    """The pipeline as it is configured, with lanes of these names."""
    return Process(PipelineConfig.model_validate(sections), names, compile_condition)


class NamedConfig(SinkConfig):
    """A sink of the stand."""

    name: str = ""


class Stand:
    """Hubs on one directory, one after the other, and the sinks that outlive them."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.sinks: dict[str, Sink] = {}
        self.lane: dict[str, dict[str, Any]] = {}
        self.hub: Hub
        module = types.SimpleNamespace(open_sink=lambda config: self.sink(config.name).open())
        monkeypatch.setattr(lanes, "sink_module", lambda name: module)

    def sink(self, name: str) -> Sink:
        return self.sinks.setdefault(name, Sink())

    def config(self, name: str) -> SinkConfig:
        lane = LaneConfig.model_validate(FAST | self.lane.get(name, {}))
        return NamedConfig(type="kept", lane=lane, name=name)

    @asynccontextmanager
    async def running(
        self, *names: str, log: LogConfig = SMALL, pipeline: Pipeline | None = None
    ) -> AsyncIterator[Hub]:
        """A hub with these sinks; at the end it is closed, not drained."""
        self.hub = Hub(self.directory, log, pipeline or TellsAll(*names))
        try:
            await self.hub.start({name: self.config(name) for name in names})
            yield self.hub
        finally:
            await self.hub.close()

    async def accept(self, *numbers: int, priority: Priority = Priority.NOTICE) -> None:
        """Take alerts of these numbers, each by itself."""
        await asyncio.gather(*(self.hub.accept([alert(n, priority)]) for n in numbers))

    def status(self, name: str) -> Any:
        return self.hub.lanes[name].status()


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)
