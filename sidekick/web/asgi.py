"""Serve an ASGI application inside our own event loop, with uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

_CLOSING_SECS = 3


def open_listener(address: str, port: int) -> socket.socket:
    """A socket that listens there; raises ``OSError`` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family, backlog=128)
    listener.setblocking(False)
    return listener


async def first_call(listener: socket.socket) -> None:
    """Return when somebody connects, without accepting the connection."""
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    loop.add_reader(listener, called.set)
    try:
        await called.wait()
    finally:
        loop.remove_reader(listener)


async def serve_asgi(app: Any, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
    """Serve until cancelled."""
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves signals to whoever owns the process."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=_CLOSING_SECS,
        limit_concurrency=256,
    )
    config.load()
    config.ssl = tls
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="admin-server")
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([serving], timeout=_CLOSING_SECS + 1)
