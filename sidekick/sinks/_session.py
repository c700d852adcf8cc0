"""aiohttp, for where a proxy stands between or a library wants a session of it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO

import aiohttp
from yarl import URL

from sidekick.sinks._http import CONNECT_SECS, Exchange
from sidekick.sinks._wire import KEPT_BYTES, Answer

_READ_BYTES = 64 * 1024
_IDLE_SECS = 30.0


@asynccontextmanager
async def open_session(
    context: ssl.SSLContext | None, headers: Mapping[str, str], connections: int
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with so many connections at most; ``headers`` go with each request."""
    connector = aiohttp.TCPConnector(
        limit=connections, ssl=context or True, keepalive_timeout=_IDLE_SECS
    )
    async with aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        skip_auto_headers=("Accept-Encoding", "Content-Type"),
        cookie_jar=aiohttp.DummyCookieJar(),
        # The lane bounds a delivery; a connection that hangs shall leave time for another.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECS),
    ) as session:
        yield session


def proxied(session: aiohttp.ClientSession, proxy: URL) -> Exchange:
    """Requests through the proxy."""

    async def exchange(method: str, url: URL, headers: Mapping[str, str], body: bytes) -> Answer:
        # aiohttp writes bytes in one piece, and warns above 1 MiB.
        data = BytesIO(body) if len(body) >= 2**20 else body
        try:
            async with session.request(
                method, url, data=data, headers=headers, proxy=proxy, allow_redirects=False
            ) as answer:
                return Answer(answer.status, answer.headers, await _beginning(answer))
        except aiohttp.ClientError as error:
            raise as_os_error(error) from error

    return exchange


def as_os_error(error: aiohttp.ClientError) -> OSError:
    """The same failure in the terms of ``Exchange``; addresses are left out of its text."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return ConnectionError(f"the proxy answered {error.status}")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        return cause if isinstance(cause, OSError) else ConnectionError(str(cause))
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return ConnectionError(f"cannot reach the proxy: {error.os_error.strerror}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return ConnectionError("closed the connection without an answer")
    return ConnectionError(type(error).__name__)


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """The first bytes of a body. A longer one is not read to its end: its connection is lost."""
    kept, read = bytearray(), 0
    async for piece in answer.content.iter_any():
        kept += piece[: KEPT_BYTES - len(kept)]
        read += len(piece)
        if read > _READ_BYTES:
            answer.close()
            break
    return bytes(kept)
