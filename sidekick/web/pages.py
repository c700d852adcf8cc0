"""What a sensor tells about itself by HTTP: is it alive, is it ready, its metrics."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial

from sidekick import metrics
from sidekick.errors import ConfigError
from sidekick.listener.auth import Doorkeeper, Refused, bearer, refusal
from sidekick.listener.config import ListenerConfig
from sidekick.listener.exchange import Exchange, Response, sentence
from sidekick.listener.serve import serve
from sidekick.web.health import ALIVE, PONG, Ready, exposition, readiness, scrape

_PROBES = frozenset({b"/ping", b"/healthz", b"/readyz"})
_NO_BODY = 1024
_START_SECS = 10.0


class Pages:
    """The service of the listener. ``problems`` says why the sensor does not watch."""

    def __init__(self, config: ListenerConfig, problems: Ready) -> None:
        self._door = Doorkeeper(config.allow, config.trusted_proxies, config.tokens)
        self._problems = problems
        self._expose = exposition(metrics.SENSOR_REGISTRY)

    def admit(self, exchange: Exchange) -> int | Response:
        """Probes answer everybody, as a kubelet has no token."""
        if exchange.target.partition(b"?")[0] in _PROBES or self._door.open:
            return _NO_BODY
        address = self._door.client(exchange.peer, exchange.headers)
        refused = self._door.refuses_address(address)
        sender = refused or self._door.sender(bearer(exchange.headers), address)
        return refusal(sender) if isinstance(sender, Refused) else _NO_BODY

    def take(self, exchange: Exchange) -> None:
        """Answer at once."""
        exchange.answer(self._page(exchange))

    def refused(self, reason: str) -> None:
        """Nothing here is worth counting."""

    async def finish(self) -> None:
        """Every answer was given at once."""

    def _page(self, exchange: Exchange) -> Response:
        headers = exchange.headers
        match exchange.target.partition(b"?")[0]:
            case b"/ping":
                return PONG
            case b"/healthz" if not self._problems():
                return ALIVE
            case b"/healthz" | b"/readyz":
                return readiness(self._problems)
            case b"/metrics":
                accept = headers.get(b"accept", b"").decode("latin-1")
                packed = headers.get(b"accept-encoding", b"").decode("latin-1")
                return scrape(self._expose, accept, packed)
        return sentence(404, "there are /metrics, /healthz and /readyz")


@contextlib.contextmanager
def serving_pages(config: ListenerConfig, problems: Ready) -> Iterator[int]:
    """Serve them in a thread of their own; gives the port. Raises ConfigError if it cannot."""
    opened: Future[tuple[int, Callable[[], object]]] = Future()

    async def run() -> None:
        done = asyncio.Event()
        stop = partial(asyncio.get_running_loop().call_soon_threadsafe, done.set)
        try:
            async with serve(config, Pages(config, problems)) as port:
                opened.set_result((port, stop))
                await done.wait()
        except (OSError, ConfigError) as error:
            opened.set_exception(error)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="pages", daemon=True)
    thread.start()
    try:
        port, stop = opened.result(_START_SECS)
    except OSError as error:
        place = f"{config.address}:{config.port}"
        wanted = "another program may use the port: set sensor.listen.port or --metrics"
        fault = f"cannot listen on {place}: {error.strerror or error}; {wanted}"
        raise ConfigError([fault]) from error
    try:
        yield port
    finally:
        stop()
        thread.join(_START_SECS)
