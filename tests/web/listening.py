"""The listener for alerts on a real socket, with an intake that remembers what it was given."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sidekick.heartbeat import Heartbeat
from sidekick.model import Alert
from sidekick.sources import Answer
from sidekick.web.health import Ready, always_ready
from sidekick.web.ingest import serve
from sidekick.web.listen import ListenConfig

TIME = "2026-01-02T10:20:30.123456789Z"


class FakeIntake:
    """Answers at once with ``error``, or when ``commit`` is called if ``slow``."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.quarantined: list[tuple[str, bytes, str]] = []
        self.beats: list[Heartbeat] = []
        self.error: BaseException | None = None
        self.slow = False
        self.waiting: list[Answer] = []

    def offer(self, alerts: Sequence[Alert], answer: Answer) -> None:
        if self.error is None:
            self.alerts += alerts
        if self.slow:
            self.waiting.append(answer)
        else:
            asyncio.get_running_loop().call_soon(answer, self.error)

    def quarantine(self, source: str, body: bytes, reason: str) -> None:
        self.quarantined.append((source, body, reason))

    def commit(self) -> None:
        """Answer all that waits."""
        waiting, self.waiting = self.waiting, []
        for answer in waiting:
            answer(self.error)

    @property
    def rules(self) -> list[str]:
        """The rules of the alerts that were taken, in order."""
        return [alert.rule for alert in self.alerts]


class Listener:
    """A running listener: its port and its intake."""

    def __init__(self, port: int, intake: FakeIntake) -> None:
        self.port = port
        self.intake = intake

    async def send(self, *requests: bytes, end: bool = True) -> bytes:
        """Everything that comes back for these bytes on a connection of their own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for request in requests:
                writer.write(request)
                await writer.drain()
            if end:
                writer.write_eof()
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def post(
        self, body: bytes, path: str = "/", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """The status and the body of the answer to one POST."""
        return split(await self.send(request("POST", path, body, headers)))

    async def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """The same of a GET."""
        return split(await self.send(request("GET", path, b"", headers)))


def request(
    method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """A request as it is written on the wire."""
    given = {"Host": "x", "Content-Length": str(len(body))} | (headers or {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def split(answer: bytes) -> tuple[int, bytes]:
    """Status and body of the first answer in these bytes."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), answer[:200]
    return int(head[9:12]), rest


def alert(rule: str = "Shell", **more: Any) -> bytes:
    """An alert as Falco posts it."""
    given = {"output": "o", "priority": "Warning", "rule": rule, "time": TIME, "output_fields": {}}
    return json.dumps(given | more).encode()


@contextlib.asynccontextmanager
async def listening(
    ready: Ready = always_ready, intake: FakeIntake | None = None, **settings: Any
) -> AsyncIterator[Listener]:
    """A listener on a free port of the loopback."""
    config = ListenConfig.model_validate({"address": "127.0.0.1", "port": 0} | settings)
    intake = intake or FakeIntake()
    async with serve(config, intake, ready=ready, heard=intake.beats.append) as port:
        yield Listener(port, intake)
