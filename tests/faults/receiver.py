"""A webhook receiver that counts what comes by the alert's number, and fails on demand."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator

from aiohttp import web

_NUMBER = re.compile(rb"number-(\d+)!")
_START = b'{"uuid":"'


class Receiver:
    """``mode`` is ok, status:NNN, hang or slow; ``seen`` counts each number."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.seen: Counter[int] = Counter()
        self.ids: dict[int, set[bytes]] = {}
        self.arrived: dict[int, float] = {}
        self.failed = 0
        self._released = asyncio.Event()

    def set_mode(self, mode: str) -> None:
        """Change the behaviour; requests that hang are let go with a 500."""
        self.mode = mode
        self._released.set()
        self._released = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        """Take a POST of one document, a JSON array or NDJSON."""
        body = await request.read()
        if self.mode.startswith("status:"):
            self.failed += 1
            return web.Response(status=int(self.mode.removeprefix("status:")))
        if self.mode == "hang":
            self.failed += 1
            await self._released.wait()
            return web.Response(status=500)
        if self.mode == "slow":
            await asyncio.sleep(0.2)
        self._count(body)
        return web.Response()

    def _count(self, body: bytes) -> None:
        now = time.time()
        for document in body.split(_START)[1:]:
            if found := _NUMBER.search(document):
                number = int(found[1])
                self.seen[number] += 1
                self.ids.setdefault(number, set()).add(document[:36])
                self.arrived.setdefault(number, now)

    @property
    def repeats(self) -> int:
        """Deliveries beyond the first of each alert."""
        return sum(self.seen.values()) - len(self.seen)


@contextlib.asynccontextmanager
async def receiver(port: int = 0) -> AsyncIterator[tuple[Receiver, int]]:
    """A receiver and its port on 127.0.0.1."""
    one = Receiver()
    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_post("/{tail:.*}", one.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield one, runner.addresses[0][1]
    finally:
        one.set_mode("ok")
        await runner.cleanup()
