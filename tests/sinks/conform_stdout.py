"""The stand of standard output: the stream is a pipe of ours for the time of a test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.conformance import ids_in

LACKS = {
    "failing": "a stream gives no answers",
    "throttling": "a stream gives no answers",
}
KEEPS_ONE = False
MARKS: Sequence[pytest.MarkDecorator] = ()


@dataclass
class Pipe:
    """Standard output's reader."""

    keys: Mapping[str, Any] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    text: bytes = b""
    reader: int = -1

    def attach(self) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.dup2(writer, 1)
        os.close(writer)

    def drain(self) -> None:
        try:
            while piece := os.read(self.reader, 1 << 16):
                self.text += piece
        except BlockingIOError:
            return

    async def ids(self) -> list[str]:
        self.drain()
        return ids_in(self.text)

    @asynccontextmanager
    async def fault(self, name: str) -> AsyncIterator[asyncio.Event]:
        met = asyncio.Event()
        met.set()
        if name == "refusing":
            self.drain()
            os.close(self.reader)
            yield met
            self.attach()
        else:
            fill(1)
            yield met
            self.drain()


def fill(number: int) -> None:
    """Write to a pipe until it takes no more."""
    os.set_blocking(number, False)
    try:
        while True:
            os.write(number, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(number, True)


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[Pipe]:
    own = os.dup(1)
    pipe = Pipe()
    pipe.attach()
    try:
        yield pipe
    finally:
        os.dup2(own, 1)
        os.close(own)
        os.close(pipe.reader)
