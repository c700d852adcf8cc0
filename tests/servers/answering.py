"""The least of a server: one handler, in a thread, on a free port of this machine."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class Quiet(http.server.BaseHTTPRequestHandler):
    """Writes no line per request."""

    def log_message(self, *args: object) -> None:
        """Nothing."""


@contextmanager
def serving(handler: type[Quiet]) -> Iterator[int]:
    """A server of this handler; gives its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answering(status: int) -> AbstractContextManager[int]:
    """A receiver that answers every POST with the status."""

    class Handler(Quiet):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return serving(Handler)
