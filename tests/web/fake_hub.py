"""A hub that only pretends, and the admin application around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from pydantic import Field
from starlette.types import ASGIApp

from sidekick.document import read, write
from sidekick.errors import ConditionError, ConfigError, InvalidAlert
from sidekick.hub.view import (
    DeadLetter,
    Entry,
    LaneStatus,
    LogStats,
    Quarantined,
    SilenceStatus,
)
from sidekick.model import Alert, Assessment, Part, Priority
from sidekick.section import Secret, Section
from sidekick.web.admin import AdminConfig
from sidekick.web.app import create_app
from sidekick.web.parts import Match

SECOND = 1_000_000_000
NOW = 1_780_000_000 * SECOND
HOUR = 3600 * SECOND


def alert_id(number: int) -> str:
    """The id of the fake hub's alert of that number."""
    return f"00000000-0000-7000-8000-{number:012d}"


def document(number: int, rule: str = "Shell", priority: Priority = Priority.NOTICE) -> bytes:
    """The document of an alert."""
    alert = Alert(
        rule=rule,
        priority=priority,
        source="syscall",
        time="2026-05-28T20:26:40Z",
        time_ns=NOW,
        fields={"proc.name": "bash"},
        fields_json=b'{"proc.name":"bash"}',
        output=f"A shell was spawned (number {number})",
        hostname="node-1",
        tags=("mitre_execution",),
    )
    found = Assessment(
        fingerprint="f" * 32, count=number, score=70, parts=(Part("priority", 40.0, "it is"),)
    )
    return write(alert_id(number), alert, found)


def entry(number: int, received_ns: int, body: bytes) -> Entry:
    """An alert in the fake log."""
    return Entry(
        seq=number,
        id=alert_id(number),
        received_ns=received_ns,
        lanes=("slack",),
        document=msgspec.Raw(body),
    )


class FakeLane:
    """A lane that always says the same of itself."""

    def __init__(self, name: str, state: str = "running", last_error: str = "") -> None:
        self._status = LaneStatus(
            name=name,
            type=name,
            state=state,
            depth=0 if state == "running" else 12,
            oldest_age_secs=0.0 if state == "running" else 61.5,
            in_flight=1,
            delivered=100,
            retried=3,
            dead=2,
            last_error=last_error,
        )

    def status(self) -> LaneStatus:
        return self._status


class FakeHub:
    """Keeps everything in lists and writes down what it is told to do."""

    def __init__(self, alerts: Sequence[bytes] = ()) -> None:
        self.lanes: dict[str, FakeLane] = {
            "slack": FakeLane("slack"),
            "archive": FakeLane("archive", "paused", "HTTP 503: slow down"),
        }
        self.entries = [
            entry(number, NOW - number * 60 * SECOND, body)
            for number, body in enumerate(alerts, start=1)
        ]
        self.letters = [
            DeadLetter(
                seq=n,
                id=alert_id(n),
                lane="archive",
                died_ns=NOW - n * SECOND,
                attempts=7,
                error="HTTP 400: no such index",
                document=msgspec.Raw(document(n)),
            )
            for n in (1, 2)
        ]
        self.kept: list[SilenceStatus] = []
        self.calls: list[tuple[Any, ...]] = []
        self.live: list[bytes] = []
        self.more = asyncio.Event()
        self.ended = False
        self.watchers = 0

    async def search(
        self, match: Match | None, since_ns: int, until_ns: int, limit: int
    ) -> list[Entry]:
        self.calls.append(("search", since_ns, until_ns, limit))
        found = (e for e in self.entries if since_ns <= e.received_ns <= until_ns)
        matching = [e for e in found if match is None or match(record(bytes(e.document)))]
        return matching[:limit]

    async def find(self, id: str) -> Entry | None:
        return next((e for e in self.entries if e.id == id), None)

    async def stats(self) -> LogStats:
        return LogStats(
            alerts=len(self.entries),
            bytes=5_000_000,
            limit_bytes=1024**3,
            oldest_ns=NOW - HOUR,
            first_seq=1,
            last_seq=9,
            full=False,
            disk_free_bytes=5 * 1024**3,
        )

    @contextmanager
    def watch(self) -> Iterator[AsyncIterator[bytes]]:
        self.watchers += 1
        try:
            yield self._documents()
        finally:
            self.watchers -= 1

    async def _documents(self) -> AsyncIterator[bytes]:
        sent = 0
        while True:
            while sent < len(self.live):
                yield self.live[sent]
                sent += 1
            if self.ended:
                return
            self.more.clear()
            await self.more.wait()

    async def dead_letters(
        self, lane: str | None, limit: int, id: str | None = None
    ) -> list[DeadLetter]:
        return [d for d in self.letters if lane in (None, d.lane)][:limit]

    async def retry_dead(self, lane: str | None, ids: Sequence[str] | None) -> int:
        return self._take("retry", lane, ids)

    async def drop_dead(self, lane: str | None, ids: Sequence[str] | None) -> int:
        return self._take("drop", lane, ids)

    def _take(self, what: str, lane: str | None, ids: Sequence[str] | None) -> int:
        self.calls.append((what, lane, ids))
        taken = [d for d in self.letters if lane in (None, d.lane) and (not ids or d.id in ids)]
        self.letters = [d for d in self.letters if d not in taken]
        return len(taken)

    async def quarantined(self, limit: int) -> list[Quarantined]:
        body = Quarantined(
            number=1,
            received_ns=NOW,
            source="falco",
            reason="rule: it is missing",
            body='{"x": "\x1b[2J"}',
        )
        return [body][:limit]

    async def replay(self, since_ns: int, until_ns: int, lane: str, match: Match | None) -> int:
        self.calls.append(("replay", since_ns, until_ns, lane, match is not None))
        return len(self.entries)

    def silences(self) -> list[SilenceStatus]:
        return self.kept

    async def add_silence(
        self, match: str, starts_ns: int, ends_ns: int, comment: str, creator: str
    ) -> SilenceStatus:
        if ends_ns <= starts_ns:
            raise ConfigError(["ends: it is before the start", "match: 1:1: no"])
        silence = SilenceStatus(
            id=f"silence-{len(self.kept) + 1}",
            match=match,
            starts_ns=starts_ns,
            ends_ns=ends_ns,
            state="active",
            comment=comment,
            creator=creator,
        )
        self.kept.append(silence)
        return silence

    async def expire_silence(self, id: str) -> SilenceStatus | None:
        for n, silence in enumerate(self.kept):
            if silence.id == id:
                if silence.origin == "config":
                    raise ConfigError([f'silence "{id}" is in the configuration: end it there'])
                self.kept[n] = msgspec.structs.replace(silence, state="expired")
                return self.kept[n]
        return None


def compile_condition(text: str) -> Match:
    """Understands `field = value` and nothing else."""
    field, equals, value = text.partition(" = ")
    if not equals:
        raise ConditionError('wanted "=" after the field', 1, len(text) + 1)
    return lambda fields: fields.get(field) == value


def record(body: bytes) -> Mapping[str, Any]:
    """What conditions read."""
    found = read(body)
    return {"alert.rule": found.rule, "alert.priority": found.priority} | found.output_fields


def explain(body: bytes, at_ns: int) -> Any:
    """Says what it was given."""
    alert = msgspec.json.decode(body)
    if "rule" not in alert:
        raise InvalidAlert("rule", "it is missing")
    return {"rule": alert["rule"], "at": at_ns}


class FakeSink(Section):
    """Has everything that must not be shown."""

    token: Secret = Secret("hunter2")
    url: str = "https://user:hunter3@example.org/x"


class FakeSettings(Section):
    """A configuration."""

    sinks: dict[str, FakeSink] = Field(default_factory=lambda: {"slack": FakeSink()})


class Admin:
    """The application, its hub, and what reloading shall do."""

    def __init__(self, hub: FakeHub, config: AdminConfig | None = None) -> None:
        self.hub = hub
        self.faults: list[str] = []
        self.reloads = 0
        self.app: ASGIApp = create_app(
            hub,
            config or AdminConfig(),
            compile=compile_condition,
            record=record,
            explain=explain,
            reload=self._reload,
            settings=FakeSettings,
            clock_ns=lambda: NOW,
        )

    async def _reload(self) -> None:
        if self.faults:
            raise ConfigError(self.faults)
        self.reloads += 1
