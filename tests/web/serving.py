"""A real server around an application, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


class Server:
    """A running server; ``call`` runs a function on its event loop and waits for it."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self._loop = loop

    def call(self, function: Callable[[], object]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(function)
        self._loop.call_soon_threadsafe(done.set)
        assert done.wait(10)


@contextmanager
def serving(make_app: Callable[[], ASGIApp]) -> Iterator[Server]:
    """Serve the application on a free port of the loopback until the block ends."""
    config = uvicorn.Config(
        make_app, factory=True, port=0, ws="none", log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(),))
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Server(f"http://127.0.0.1:{port}", loop)
    finally:
        server.should_exit = True
        thread.join(10)
        loop.close()


def wait_for(condition: Callable[[], object], secs: float = 10.0) -> None:
    """Return as soon as the condition holds; fails after that time."""
    end = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)
