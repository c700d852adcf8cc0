"""A receiver of syslog that reads frames as RFC 6587 and RFC 5425 write them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.sinks.conformance import ids_in, until


@dataclass
class SyslogStand:
    """``messages`` as they came; the port stays the same over a fault."""

    tls: ssl.SSLContext | None = None
    messages: list[bytes] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    port: int = 0
    _reading: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._read, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await until(lambda: not self._writers)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                length = await reader.readuntil(b" ")
                message = await reader.readexactly(int(length))
                self.messages.append(message)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def ids(self) -> list[str]:
        """What the receiver's kernel has it may not have read yet: give it that moment."""
        before = -1
        while before != len(self.messages):
            before = len(self.messages)
            await asyncio.sleep(0.02)
        return [one for message in self.messages for one in ids_in(message)[:1]]

    @asynccontextmanager
    async def fault(self, name: str) -> AsyncIterator[asyncio.Event]:
        met = asyncio.Event()
        met.set()
        await self.ids()  # what was acknowledged is read; a receiver that dies may lose it
        await self.stop()
        yield met
        await self.start()


@asynccontextmanager
async def syslog_stand(tls: ssl.SSLContext | None = None) -> AsyncIterator[SyslogStand]:
    """A running receiver over TCP or TLS."""
    stand = SyslogStand(tls)
    await stand.start()
    stand.keys = {"host": "127.0.0.1", "port": stand.port, "protocol": "tls" if tls else "tcp"}
    try:
        yield stand
    finally:
        await stand.stop()
