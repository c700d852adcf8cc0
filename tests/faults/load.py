"""A sender that numbers its alerts and knows which were answered 200."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

_ALERT = (
    '{{"output":"12:00:00.000000000: {priority} A file was read number-{number}!",'
    '"priority":"{priority}","rule":"Read sensitive file untrusted","source":"syscall",'
    '"time":"2026-01-02T03:04:05.{nanos:09d}Z","hostname":"node-{node}","tags":["filesystem"],'
    '"output_fields":{{"evt.time":{number},"fd.name":"/srv/{word}","proc.name":"cat",'
    '"k8s.ns.name":"shop","k8s.pod.name":"web-{node}","user.name":"root"}}}}'
)


def alert(number: int, priority: str = "Warning") -> bytes:
    """Alert number so and so as Falco would post it; each is different from all others."""
    # In letters: numbers in paths do not make two alerts different.
    word = "".join("abcdefghij"[int(digit)] for digit in str(number))
    return _ALERT.format(
        number=number, word=word, priority=priority, nanos=number % 10**9, node=number % 7
    ).encode()


@dataclass
class Load:
    """What was sent so far; the sender goes on over restarts of the receiving side."""

    port: int
    next_number: int = 0
    answered: dict[int, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    stopped: bool = False

    async def run(self, connections: int, rate: float = 0.0, most: int = 10**9) -> None:
        """Send over so many connections until ``stopped``; ``rate`` is alerts/s in all, 0: no
        limit."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(connections):
                tasks.create_task(self._connection(connections / rate if rate else 0.0, most))

    async def _connection(self, pause: float, most: int) -> None:
        while not self.stopped and self.next_number < most:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, IndexError):
                await self._talk(reader, writer, pause, most)
            writer.close()

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause: float, most: int
    ) -> None:
        while not self.stopped and self.next_number < most:
            number, self.next_number = self.next_number, self.next_number + 1
            began = time.monotonic()
            status = await post(reader, writer, alert(number))
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 200:
                self.answered[number] = time.time()
                self.latencies.append(time.monotonic() - began)
            if pause:
                await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))


async def post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes, path: str = "/"
) -> int:
    """One request on an open connection; gives the status, raises when the connection ends."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    async with asyncio.timeout(60):
        answer = await reader.readuntil(b"\r\n\r\n")
        for line in answer.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.split(b":")[1]))
    return int(answer[9:12])


def quantile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
