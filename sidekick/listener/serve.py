"""A listener's life: it opens, is looked after every second, and closes without losing answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from sidekick.listener.config import ListenerConfig
from sidekick.listener.exchange import Service
from sidekick.listener.tls import Certificates, renewed
from sidekick.listener.wire import Connections, Limits

_CLOSING_SECS = 5.0


class FinishingService(Service, Protocol):
    """A service whose answers may take longer than a turn of the event loop."""

    async def finish(self) -> None:
        """Wait for what is under way."""


@contextlib.asynccontextmanager
async def serve(
    config: ListenerConfig, service: FinishingService, path: Path | None = None
) -> AsyncIterator[int]:
    """Listen; gives the port. Raises ``OSError`` when it cannot, ``ConfigError`` of ``tls``.

    With a ``path`` on a unix socket there, which only our own user can open; then the port is 0.

    On the way out it takes no more connections, answers what has come, then closes.
    """
    loop = asyncio.get_running_loop()
    limits = Limits(
        config.max_connections,
        config.buffer_limit,
        config.header_timeout,
        config.body_timeout,
        config.idle_timeout,
    )
    connections = Connections(service, limits, loop.time)
    certificates = Certificates(config.tls) if config.tls is not None else None
    context = certificates.context if certificates else None
    if path is None:
        server = await loop.create_server(
            connections.make, config.address, config.port, backlog=1024, ssl=context
        )
    else:
        server = await _on_unix_socket(connections, path)
    sweeper = loop.create_task(_sweep(connections), name="listener-sweep")
    try:
        async with renewed(certificates):
            yield 0 if path else server.sockets[0].getsockname()[1]
    finally:
        sweeper.cancel()
        server.close()
        await _close(connections, service)


async def _on_unix_socket(connections: Connections, path: Path) -> asyncio.Server:
    """Bound under another name first, so that nobody finds it before its rights are right."""
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    hidden.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.bind(str(hidden))
    hidden.chmod(0o600)
    server = await asyncio.get_running_loop().create_unix_server(
        connections.make, sock=sock, backlog=1024
    )
    hidden.replace(path)
    return server


async def _sweep(connections: Connections) -> None:
    """Every second: end what takes too long."""
    while True:
        await asyncio.sleep(1.0)
        connections.sweep()


async def _close(connections: Connections, service: FinishingService) -> None:
    connections.close()
    try:
        async with asyncio.timeout(_CLOSING_SECS):
            await service.finish()
            while connections.open:
                connections.gone.clear()
                await connections.gone.wait()
    except TimeoutError:
        connections.abort()
