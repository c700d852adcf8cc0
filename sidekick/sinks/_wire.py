"""HTTP/1.1 towards one host over kept connections: what a hot lane needs, and nothing else.

A POST costs 15 µs of CPU here and 65 µs through aiohttp (same machine, 32 in flight), which is
most of what delivering one alert a request costs. Proxies, redirections and cookies are not for
this module: ``_http`` goes through aiohttp where they come up.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import httptools

KEPT_BYTES = 4096
"""So much of an answer's body is kept, to tell what went wrong."""
_READ_BYTES = 64 * 1024  # a longer body is not read to its end: its connection is closed
_HEADER_BYTES = 64 * 1024
_JOINED = 64 * 1024  # up to here one write of a copy is cheaper than two writes


class Stale(ConnectionError):
    """A kept connection was closed by the server just when it was used; nothing was answered."""


class Answer(NamedTuple):
    """An answer; header names are in the form ``Retry-After``, ``body`` is its beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Pool:
    """Connections to one host; as many as there are requests at once, which the caller bounds."""

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        connect_secs: float = 10.0,
        idle_secs: float = 30.0,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._connect_secs = connect_secs
        self._idle_secs = idle_secs
        self._loop = asyncio.get_running_loop()
        self._free: list[_Connection] = []
        self._all: set[_Connection] = set()

    async def request(self, head: bytes, body: bytes, *, bodiless: bool = False) -> Answer:
        """Send ``head`` (the request line and headers, each with its CRLF) and a body.

        ``Content-Length`` is added. ``bodiless``: the answer has headers only (HEAD). Raises
        ``OSError``, of it ``Stale`` and ``TimeoutError`` (no connection in time).
        """
        connection = self._kept() or await self._connect()
        try:
            answer = await connection.exchange(head, body, bodiless)
        except BaseException:
            connection.abort()
            raise
        if connection.usable:
            connection.free_since = self._loop.time()
            self._free.append(connection)
        else:
            connection.abort()
        return answer

    def close(self) -> None:
        """Close all connections; what is under way fails."""
        for connection in list(self._all):
            connection.abort()

    def _kept(self) -> _Connection | None:
        """The connection that was used last, so that those beyond the need grow old and go."""
        oldest = self._loop.time() - self._idle_secs
        while self._free and self._free[0].free_since < oldest:
            self._free.pop(0).abort()
        while self._free:
            connection = self._free.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        async with asyncio.timeout(self._connect_secs):
            _, protocol = await self._loop.create_connection(
                lambda: _Connection(self._all, self._loop),
                self._host,
                self._port,
                ssl=self._tls,
                server_hostname=self._host if self._tls else None,
            )
        return protocol


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, connections: set[_Connection], loop: asyncio.AbstractEventLoop) -> None:
        self._connections = connections
        self._loop = loop  # asking for the running one is a system call each time
        self._answer: asyncio.Future[Answer] | None = None
        self._parser: Any = None  # a cycle, broken in connection_lost
        self._used = False
        self._lost = False
        self._clear()
        self.free_since = 0.0

    def _clear(self) -> None:
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body = b""
        self._read = 0
        self._bodiless = False
        self._begun = False
        self._whole = False
        self._keep = False

    @property
    def usable(self) -> bool:
        """Whether another request may go over it."""
        return not self._lost and self._keep and not self._transport.is_closing()

    async def exchange(self, head: bytes, body: bytes, bodiless: bool) -> Answer:
        """Send one request and wait for its answer."""
        self._clear()
        self._bodiless = bodiless
        self._answer = self._loop.create_future()
        full = b"%bContent-Length: %d\r\n\r\n" % (head, len(body))
        if len(body) <= _JOINED:
            self._transport.write(full + body)
        else:
            self._transport.writelines((full, body))
        try:
            return await self._answer
        finally:
            self._answer = None
            self._used = True

    def abort(self) -> None:
        """Close at once."""
        self._connections.discard(self)
        if not self._lost:
            self._transport.abort()

    # -- asyncio -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nothing was asked: whatever this is, it answers nothing of ours
            self._keep = False
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._connections.discard(self)
        if self._answer is not None and not self._answer.done():
            if self._begun and not self._whole and "Content-Length" not in self._headers:
                self._finish()  # such a body ends with the connection
            else:
                self._fail(self._gone(exc))
        self._parser = None

    def _gone(self, exc: Exception | None) -> Exception:
        if self._used and not self._begun:
            return Stale("closed the connection")
        if isinstance(exc, OSError):
            return exc
        return ConnectionError("closed the connection without an answer")

    def _fail(self, error: Exception) -> None:
        self._keep = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    # -- httptools ---------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADER_BYTES:
            self._fail(
                ConnectionError(f"the answer has more than {_HEADER_BYTES} bytes of headers")
            )
            return
        self._headers[name.decode("latin-1").title()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._begun = self._parser.get_status_code() >= 200
        if self._begun and self._bodiless:
            self._finish()

    def on_body(self, piece: bytes) -> None:
        if len(self._body) < KEPT_BYTES:
            self._body += piece[: KEPT_BYTES - len(self._body)]
        self._read += len(piece)
        if self._read > _READ_BYTES:
            self._finish()

    def on_message_complete(self) -> None:
        if not self._begun:  # an interim answer (1xx): the real one follows
            self._headers.clear()
            return
        self._whole = True
        self._keep = not self._bodiless and bool(self._parser.should_keep_alive())
        self._finish()

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            status = self._parser.get_status_code()
            self._answer.set_result(Answer(status, self._headers, self._body))
