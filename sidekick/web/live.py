"""Alerts as they come, as server-sent events (the HTML standard's text/event-stream)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, HTTPException
from starlette.responses import StreamingResponse

from sidekick.web.api import Condition, predicate
from sidekick.web.parts import Match, Parts

MAX_WATCHERS = 32
"""Live views at a time: each costs a copy of every alert."""
HEARTBEAT_SECS = 15.0
"""A comment after so much silence, so that proxies keep the connection and the end is noticed."""


def live_routes(parts: Parts, heartbeat_secs: float = HEARTBEAT_SECS) -> APIRouter:
    """The live view."""
    router = APIRouter(tags=["alerts"])
    places = asyncio.Semaphore(MAX_WATCHERS)

    @router.get(
        "/alerts/live",
        response_class=StreamingResponse,
        responses={200: {"description": "Events", "content": {"text/event-stream": {}}}},
    )
    async def live(match: Condition = "") -> StreamingResponse:
        """Every alert as it is taken: one event each, whose data is the alert's document."""
        if places.locked():
            raise HTTPException(503, f"{MAX_WATCHERS} live views are open already: close one")
        events = _events(parts, predicate(parts, match), places, heartbeat_secs)
        return StreamingResponse(events, media_type="text/event-stream")

    return router


async def _events(
    parts: Parts, match: Match | None, places: asyncio.Semaphore, heartbeat_secs: float
) -> AsyncIterator[bytes]:
    async with places:
        with parts.hub.watch() as documents:
            yield b": live\n\n"
            async for body in with_heartbeats(documents, heartbeat_secs):
                if body is None:
                    yield b":\n\n"
                elif match is None or match(parts.record(body)):
                    yield b"data: " + body + b"\n\n"


async def with_heartbeats(
    documents: AsyncIterator[bytes], every_secs: float
) -> AsyncIterator[bytes | None]:
    """The documents, and None whenever none came for so long."""
    coming = asyncio.ensure_future(anext(documents, b""))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=every_secs)
            if not done:
                yield None
            elif body := coming.result():
                yield body
                coming = asyncio.ensure_future(anext(documents, b""))
            else:
                return
    finally:
        coming.cancel()
