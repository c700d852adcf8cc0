"""What requests do beyond one turn of the event loop: bounded, and a fault stays with one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from sidekick.listener.exchange import Exchange, Response, sentence
from sidekick.listener.unpack import ENCODINGS, Unpackable, unpack
from sidekick.listener.wire import SMALL_BODY

log = logging.getLogger(__name__)

RETRY = ("Retry-After", "5")
_TASKS = 64
_LARGE = 2  # large bodies that are worked on at a time
_BUSY = sentence(503, "too many requests at once", RETRY)
_FAULT = sentence(500, "sidekick failed at this request; its log says why")


class Work:
    """The work of one listener's service; ``refused`` counts what it does not do, by reason."""

    def __init__(self, refused: Callable[[str], None]) -> None:
        self._refused = refused
        self._tasks: set[asyncio.Task[None]] = set()
        self.large = asyncio.Semaphore(_LARGE)
        """Held while a large body is unpacked or taken apart."""

    def begin(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        """Do it as a task that answers the request; too many at once are answered 503."""
        if len(self._tasks) >= _TASKS:
            work.close()
            self._refused("busy")
            exchange.answer(_BUSY)
            return
        task = asyncio.get_running_loop().create_task(self._guarded(exchange, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def fault(self, exchange: Exchange) -> None:
        """Answer a request that failed, inside an ``except``; it costs nothing else."""
        log.exception("a request failed", extra={"target": exchange.target[:100]})
        self._refused("fault")
        exchange.answer(_FAULT)

    async def unpacked(self, exchange: Exchange, limit: int) -> bytes | bytearray:
        """The body without its Content-Encoding; raises ``Unpackable``."""
        encoding = exchange.headers.get(b"content-encoding", b"").decode("latin-1")
        if not encoding:
            return exchange.body
        if len(exchange.body) <= SMALL_BODY:
            return unpack(exchange.body, encoding, limit)
        async with self.large:
            return await asyncio.to_thread(unpack, exchange.body, encoding, limit)

    async def _guarded(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            self.fault(exchange)


def unpackable(error: Unpackable) -> Response:
    """The answer to a body that cannot be unpacked."""
    return sentence(error.status, str(error), ("Accept-Encoding", ENCODINGS))
