"""An HTTP destination that tests may break: answers itself, or passes on to a real server."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, DummyCookieJar, web

from tests.sinks.conformance import THROTTLED_SECS


@dataclass(frozen=True)
class Got:
    """A request that arrived; ``body`` is decompressed."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[Got], web.Response | Awaitable[web.Response]]


@dataclass
class HttpStand:
    """A server on a port of its own; ``got`` has the requests that met no fault."""

    answer: Answer
    tls: ssl.SSLContext | None = None
    raw: bool = False
    got: list[Got] = field(default_factory=list)
    port: int = 0
    _mode: str = ""
    _met: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None, auto_decompress=False), shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, ssl_context=self.tls, reuse_address=True
        )
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None

    @asynccontextmanager
    async def fault(self, name: str) -> AsyncIterator[asyncio.Event]:
        """One of ``conformance.FAULTS``, or a number: that status."""
        self._mode, self._met, self._over = name, asyncio.Event(), asyncio.Event()
        if name == "refusing":
            self._met.set()
            await self.stop()
        try:
            yield self._met
        finally:
            self._mode = ""
            self._over.set()
            if name == "refusing":
                await self.start()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect") == "100-continue" and request.transport is not None:
            # Without it boto3 waits a second before each body.
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await request.read()
        packed = request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b"
        if packed and not self.raw:
            body = gzip.decompress(body)
        if self._mode:
            return await self._break()
        got = Got(request.method, request.path_qs, request.headers, body)
        answer = self.answer(got)
        response = answer if isinstance(answer, web.Response) else await answer
        self.got.append(got)
        return response

    async def _break(self) -> web.Response:
        self._met.set()
        if self._mode == "hanging":
            await self._over.wait()
            return web.Response(status=503)
        if self._mode == "throttling":
            return web.Response(status=429, headers={"Retry-After": f"{THROTTLED_SECS:g}"})
        status = 500 if self._mode == "failing" else int(self._mode)
        return web.Response(status=status, text="broken on purpose")


@asynccontextmanager
async def http_stand(
    answer: Answer | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpStand]:
    """A running stand; without ``answer`` it says 200 to everything."""
    stand = HttpStand(answer or (lambda got: web.Response()), tls)
    await stand.start()
    try:
        yield stand
    finally:
        await stand.stop()


@asynccontextmanager
async def in_front_of(upstream: str, raw: bool = False) -> AsyncIterator[HttpStand]:
    """A stand that passes everything on to the real server at ``upstream``; ``raw``: nothing is
    touched, so that a signature over the request stays good."""
    async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as session:

        async def forward(got: Got) -> web.Response:
            drop = ["content-length", "transfer-encoding"]
            drop += [] if raw else ["host", "content-encoding"]
            headers = {k: v for k, v in got.headers.items() if k.lower() not in drop}
            async with session.request(
                got.method, upstream + got.path, data=got.body, headers=headers
            ) as answer:
                kept = {
                    k: v
                    for k, v in answer.headers.items()
                    if k.lower() not in ("content-length", "transfer-encoding", "connection")
                }
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

        async with http_stand(forward) as stand:
            stand.raw = raw
            yield stand
