"""A listener's life: it opens, is looked after every second, and closes without losing answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from sidekick.listener.config import ListenerConfig
from sidekick.listener.exchange import Service
from sidekick.listener.tls import Certificates
from sidekick.listener.wire import Connections, Limits

_CLOSING_SECS = 5.0


class FinishingService(Service, Protocol):
    """A service whose answers may take longer than a turn of the event loop."""

    async def finish(self) -> None:
        """Wait for what is under way."""


@contextlib.asynccontextmanager
async def serve(config: ListenerConfig, service: FinishingService) -> AsyncIterator[int]:
    """Listen; gives the port. Raises ``OSError`` when it cannot, ``ConfigError`` of ``tls``.

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
    server = await loop.create_server(
        connections.make,
        config.address,
        config.port,
        backlog=1024,
        ssl=certificates.context if certificates else None,
    )
    sweeper = loop.create_task(_sweep(connections, certificates, config), name="listener-sweep")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        sweeper.cancel()
        server.close()
        await _close(connections, service)


async def _sweep(
    connections: Connections, certificates: Certificates | None, config: ListenerConfig
) -> None:
    """Every second: end what takes too long; now and then look at the certificates."""
    loop = asyncio.get_running_loop()
    looked = loop.time()
    while True:
        await asyncio.sleep(1.0)
        connections.sweep()
        if certificates and config.tls and loop.time() - looked >= config.tls.check_every:
            looked = loop.time()
            await asyncio.to_thread(certificates.reload_if_changed)


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
