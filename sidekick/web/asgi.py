"""Serve an ASGI application inside our own event loop, with uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

_CLOSING_SECS = 3


class _Server(uvicorn.Server):
    """Leaves signals to whoever owns the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


async def serve_asgi(app: Any, address: str, port: int) -> None:
    """Serve until cancelled; raises ``OSError`` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family, backlog=128) as listener:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=_CLOSING_SECS,
            limit_concurrency=256,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="admin-server")
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([serving], timeout=_CLOSING_SECS + 1)
