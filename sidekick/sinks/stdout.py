"""Standard output: a readable line per alert, or its JSON."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Literal

from sidekick import document
from sidekick.document import Document, FalcoProperty
from sidekick.errors import Retryable
from sidekick.model import Envelope, Priority
from sidekick.sinks import LaneConfig, Sink, SinkConfig
from sidekick.sinks import _render as render
from sidekick.sinks._falco import lines

_FILE_NUMBERS = {"stdout": 1, "stderr": 2}

# What a writable pipe takes without blocking (PIPE_BUF), whatever its mode.
_PIECE_BYTES = 4096

_COLORS = {
    Priority.EMERGENCY: "\x1b[1;97;41m",
    Priority.ALERT: "\x1b[1;31m",
    Priority.CRITICAL: "\x1b[1;31m",
    Priority.ERROR: "\x1b[31m",
    Priority.WARNING: "\x1b[33m",
    Priority.NOTICE: "\x1b[36m",
    Priority.INFORMATIONAL: "\x1b[34m",
    Priority.DEBUG: "\x1b[2m",
}
_PLAIN = "\x1b[0m"


class Config(SinkConfig):
    """Lines on standard output."""

    example: ClassVar[str] = """\
type: stdout
format: text
"""

    type: Literal["stdout"] = "stdout"
    stream: Literal["stdout", "stderr"] = "stdout"
    """Which of the two streams."""
    format: Literal["text", "json", "falco", "falco_text"] = "text"
    """`text`: a readable line per alert; `json`: its document, one a line; `falco`: the line that
    Falco itself prints with `json_output`, `falco_text` the one without it."""
    falco_properties: tuple[FalcoProperty, ...] = document.FALCO_PROPERTIES
    """Those of a line of `format: falco` that may be missing, as by `json_include_..._property`."""
    color: Literal["auto", "always", "never"] = "auto"
    """Colour of the priority; `auto`: only on a terminal."""
    lane: LaneConfig = LaneConfig(batch_items=500, concurrency=1)


class Stdout:
    """Writes to a stream that others share, and that may be a pipe nobody reads."""

    def __init__(self, number: int, line: Callable[[Envelope], bytes]) -> None:
        self._number = number
        self._line = line
        self._turn = asyncio.Lock()
        self._mid_line = False
        self._poll = select.poll()
        self._poll.register(number, select.POLLOUT)

    async def send(self, batch: Sequence[Envelope]) -> None:
        lines = [self._line(envelope) for envelope in batch]
        async with self._turn:
            await self._write(b"\n".join(lines) + b"\n")

    async def probe(self) -> None:
        if any(event & (select.POLLERR | select.POLLNVAL) for _, event in self._poll.poll(0)):
            raise Retryable(f"nobody reads {self._name()}")

    async def _write(self, text: bytes) -> None:
        """In pieces that never block; when cancelled, the next write starts a new line."""
        rest = memoryview(b"\n" + text if self._mid_line else text)
        try:
            while rest:
                await self._writable()
                written = os.write(self._number, rest[:_PIECE_BYTES])
                self._mid_line = rest[written - 1] != ord("\n")
                rest = rest[written:]
        except OSError as error:
            raise Retryable(f"cannot write to {self._name()}: {error.strerror}") from error

    async def _writable(self) -> None:
        if self._poll.poll(0):  # a regular file always is, and epoll would refuse it
            return
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(self._number, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._number)

    def _name(self) -> str:
        return "standard output" if self._number == 1 else "standard error"


def _line(found: Document, priority: Priority, colored: bool) -> bytes:
    """For example "2023-11-14T22:13:20.000Z Notice  42 Terminal shell in container | ..."."""
    word = f"{priority.label:<13}"
    if colored:
        word = f"{_COLORS[priority]}{word}{_PLAIN}"
    score = f"{found.sidekick.score:>3}" if found.sidekick else "  -"
    text = f"{_millis(found.time)} {word} {score} {render.line(found)}"
    return text.encode(errors="backslashreplace")


def _millis(time: str) -> str:
    """The sender's time with three digits of its fraction."""
    head, point, tail = render.plain(time).partition(".")
    zone = tail.lstrip("0123456789")
    digits = tail[: len(tail) - len(zone)]
    return f"{head}.{digits[:3]:0<3}{zone}" if point else time


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """The stream is not ours: it is neither closed nor made non-blocking."""
    number = _FILE_NUMBERS[config.stream]
    colored = config.color == "always" or (config.color == "auto" and os.isatty(number))
    as_falco = lines(config.falco_properties)

    def line(envelope: Envelope) -> bytes:
        if config.format == "text":
            return _line(document.read(envelope.body), envelope.priority, colored)
        return as_falco[config.format](envelope.body)

    yield Stdout(number, line)
