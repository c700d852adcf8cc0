"""How messages of syslog reach their receiver: as datagrams or in a stream."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from collections.abc import Callable, Sequence
from typing import Any, Protocol

_CONNECT_SECS = 10.0


def counted(message: bytes) -> bytes:
    """A message framed by its length in octets (RFC 6587 §3.4.1, RFC 5425)."""
    return b"%d %b" % (len(message), message)


class Transport(Protocol):
    """Carries messages to the receiver."""

    async def send(self, messages: Sequence[bytes]) -> None:
        """Raises ``OSError`` or ``TimeoutError``; after that it is closed."""

    async def reach(self) -> None: ...

    def close(self) -> None: ...


class Datagrams:
    """UDP, or with a port of None the unix socket of that path: a message a datagram."""

    def __init__(self, host: str, port: int | None) -> None:
        self._host, self._port = host, port
        self._socket: socket.socket | None = None

    async def reach(self) -> None:
        if self._socket is None:
            family, address = await self._address()
            made = socket.socket(family, socket.SOCK_DGRAM)
            made.setblocking(False)
            try:
                made.connect(address)
            except OSError:
                made.close()
                raise
            self._socket = made

    async def _address(self) -> tuple[socket.AddressFamily, Any]:
        if self._port is None:
            return socket.AF_UNIX, self._host
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
        family, _, _, _, address = found[0]
        return family, address

    async def send(self, messages: Sequence[bytes]) -> None:
        await self.reach()
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        for message in messages:
            await loop.sock_sendall(self._socket, message)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Stream:
    """TCP or TLS; ``frame`` makes what a message is told apart by."""

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        frame: Callable[[bytes], bytes],
    ) -> None:
        self._host, self._port = host, port
        self._frame = frame
        self._context = context
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def reach(self) -> None:
        if not self._is_dead():
            return
        self.close()
        async with asyncio.timeout(_CONNECT_SECS):
            self._reader, self._writer = await asyncio.open_connection(
                self._host, self._port, ssl=self._context
            )
        self._writer.transport.set_write_buffer_limits(0)

    def _is_dead(self) -> bool:
        reader, writer = self._reader, self._writer
        return reader is None or writer is None or reader.at_eof() or writer.is_closing()

    async def send(self, messages: Sequence[bytes]) -> None:
        await self.reach()
        assert self._writer is not None
        self._writer.write(b"".join([self._frame(m) for m in messages]))
        await self._writer.drain()
        await self._acknowledged(self._writer)

    async def _acknowledged(self, writer: asyncio.StreamWriter) -> None:
        """Wait until the receiver's kernel has all bytes (SIOCOUTQ, tcp(7)): a write alone
        succeeds into a connection whose other end is gone."""
        number, wait = writer.get_extra_info("socket").fileno(), 0.0005
        while True:
            if self._is_dead():
                raise ConnectionResetError("the receiver closed the connection")
            left = fcntl.ioctl(number, termios.TIOCOUTQ, b"\0\0\0\0")
            if struct.unpack("i", left)[0] == 0:
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, 0.05)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = self._reader = None
