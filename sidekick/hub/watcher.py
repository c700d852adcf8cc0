"""Watching alerts as they are committed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

WATCHED = 1000
"""Documents that wait for a slow watcher at most."""


class Watcher:
    """An async iterator of documents; a slow reader loses the oldest, counted in ``dropped``."""

    def __init__(self) -> None:
        self._documents: deque[bytes] = deque(maxlen=WATCHED)
        self._more = asyncio.Event()
        self._ended = False
        self.dropped = 0

    def put(self, bodies: list[bytes]) -> None:
        """Add documents; never waits."""
        self.dropped += max(0, len(self._documents) + len(bodies) - WATCHED)
        self._documents.extend(bodies)
        self._more.set()

    def end(self) -> None:
        """No more documents will come."""
        self._ended = True
        self._more.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._documents:
            if self._ended:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        return self._documents.popleft()
