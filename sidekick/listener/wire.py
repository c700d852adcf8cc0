"""HTTP/1.1 for small requests: the whole request in, the whole answer out, no task in between.

An ASGI server makes a task, a scope and several awaits of every request; taking an alert needs
none of them. Everything is bounded: headers, bodies, the memory of all large bodies together, the
time that each part may take, pipelined requests and connections.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, cast

import httptools

from sidekick.listener.exchange import Exchange, Response, Service, sentence

log = logging.getLogger(__name__)

SMALL_BODY = 64 * 1024
"""Bodies up to this size are always held; larger ones share ``Limits.buffered_bytes``."""

_PIPELINED = 16  # requests of one connection that may wait for their answers
_HEADERS = 128
_HEADER_BYTES = 32 * 1024
_PIECE = 16 * 1024  # what the parser is given at once: it cannot be stopped in between
_LINGER_SECS = 2.0

# What a connection is doing. From _LINGER on nothing of what comes is looked at.
_IDLE, _HEAD, _BODY, _ANSWER, _LINGER, _GONE = range(6)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a listener grants; times in seconds."""

    connections: int = 2048
    buffered_bytes: int = 64 * 1024**2
    header_secs: float = 10.0
    body_secs: float = 30.0
    idle_secs: float = 120.0


class Connections:
    """What the connections of one listener share: limits, their number, the time."""

    def __init__(self, service: Service, limits: Limits, clock: Callable[[], float]) -> None:
        self.service = service
        self.limits = limits
        self.clock = clock
        self.secs = (limits.idle_secs, limits.header_secs, limits.body_secs, math.inf, _LINGER_SECS)
        """How long each of the states may last."""
        self.open: dict[Connection, None] = {}
        self.closing = False
        self.large_bytes = 0
        self.date = b""
        self.gone = asyncio.Event()
        """Set whenever a connection has gone."""
        self.sweep()

    def make(self) -> Connection:
        """A protocol for a new connection."""
        return Connection(self)

    def admits(self, connection: Connection) -> bool:
        """Count a new connection in; if there are too many, an idle one has to go."""
        if len(self.open) >= self.limits.connections:
            idle = next((c for c in self.open if c.idle), None)
            if idle is None:
                return False
            idle.shutdown()
            del self.open[idle]
        self.open[connection] = None
        return True

    def sweep(self) -> None:
        """Renew the Date header and end what takes too long; to be called about every second."""
        self.date = b"Date: " + formatdate(time.time(), usegmt=True).encode() + b"\r\n"
        now = self.clock()
        for connection in [c for c in self.open if c.deadline < now]:
            connection.expire()

    def close(self) -> None:
        """Close idle connections now and the others after their answers."""
        self.closing = True
        for connection in list(self.open):
            connection.shutdown()

    def abort(self) -> None:
        """Cut all connections, whatever they are doing."""
        for connection in list(self.open):
            connection.transport.abort()


class Connection(asyncio.Protocol):
    """One client's connection: parses its requests and writes the answers in their order."""

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self._queue: deque[Exchange] = deque()
        self._state = _GONE
        # A cycle, broken in connection_lost: garbage collection is rare, and bodies are large.
        self._parser: Any = None
        self._body: bytes | bytearray = b""
        self._unparsed: bytes | memoryview = b""
        self._exchange: Exchange | None = None  # a cycle as well
        self._parsing = False
        self._paused = False
        self._unread = False  # the client does not take its answers
        self._ended = False  # the client sends no more
        self._held = 0  # bytes of large bodies, counted in the shared budget
        self.deadline = math.inf

    # -- the connection --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self._peer = name[0] if isinstance(name, tuple) else ""
        if not self._shared.admits(self):
            self._shared.service.refused("connections")
            busy = sentence(503, "too many connections", ("Retry-After", "5"))
            self._write([busy.head, b"Connection: close\r\n\r\n", busy.body])
            self.transport.close()
            return
        self._parser = httptools.HttpRequestParser(self)
        self._fed = 0
        self._enter(_HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._state = _GONE
        self._queue.clear()
        self._release()
        self._unparsed = self._body = b""
        self._parser = self._exchange = None
        self._shared.open.pop(self, None)
        self._shared.gone.set()

    def eof_received(self) -> bool:
        """A client that only sends no more still gets the answers that are under way."""
        self._ended = True
        if self._queue and self.transport.can_write_eof():
            self._queue[-1].keep_alive = False
            return True
        return False

    def pause_writing(self) -> None:
        self._unread = True
        self._pause()
        self.deadline = self._shared.clock() + self._shared.limits.body_secs

    def resume_writing(self) -> None:
        self._unread = False
        self._enter(self._state)
        self.flush()

    @property
    def idle(self) -> bool:
        """Between two requests."""
        return self._state == _IDLE

    def shutdown(self) -> None:
        """Close now if nothing is under way; else ``flush`` does so after the answers."""
        if self._state == _IDLE or (self._state == _HEAD and not self._fed and not self._queue):
            self._close()

    def expire(self) -> None:
        """The deadline has passed."""
        if self._unread or self._state == _LINGER:
            self.transport.abort()
        elif self._state == _IDLE:
            self._close()
        else:
            part = "headers" if self._state == _HEAD else "body"
            self._refuse("timeout", sentence(408, f"the {part} did not come in time"))

    # -- what comes in ---------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._state >= _LINGER:
            return
        self._unparsed = b"".join((self._unparsed, data)) if self._unparsed else data
        self._parse()

    def _parse(self) -> None:
        """Parse what has come, as long as there is room for more requests."""
        if self._parsing:
            return
        self._parsing = True
        while self._unparsed and self._state < _LINGER and len(self._queue) < _PIPELINED:
            piece = self._unparsed
            if len(piece) > _PIECE:
                piece, self._unparsed = piece[:_PIECE], memoryview(piece)[_PIECE:]
            else:
                self._unparsed = b""
            self._feed(piece)
        self._parsing = False
        if self._unparsed:
            self._pause()

    def _feed(self, piece: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as offer:
            self._stay(memoryview(piece)[offer.args[0] :])
        except httptools.HttpParserCallbackError as error:
            log.error("A request could not be taken.", exc_info=error.__context__ or error)
            self._refuse("fault", sentence(500, "this request could not be taken"))
        except httptools.HttpParserError as error:
            self._refuse("syntax", sentence(400, f"this is no HTTP/1.1 request: {error}"))
        if self._state == _HEAD or self._state == _BODY:
            # Beside the body there are headers, chunk sizes (six bytes to one of the body at
            # worst) and trailers; the parser keeps a header or trailer until it ends.
            self._fed += len(piece)
            if self._fed > _HEADER_BYTES + _PIECE + 8 * self._size:
                self._refuse("headers", sentence(431, "the headers are too large"))

    def _stay(self, rest: memoryview) -> None:
        """Pass over an offer of another protocol (RFC 9110 §7.8), at which the parser has ended."""
        if self._parser.get_method() == b"CONNECT":
            self._refuse("upgrade", sentence(501, "this is no proxy"))
        if self._state != _HEAD:
            return
        version = self._parser.get_http_version().encode()
        head = b"%s %s HTTP/%s\r\n" % (self._parser.get_method(), self._target, version)
        kept = (b"%s: %s\r\n" % h for h in self._headers.items() if h[0] != b"upgrade")
        self._parser = httptools.HttpRequestParser(self)
        self._unparsed = b"".join((head, *kept, b"\r\n", rest, self._unparsed))

    def on_message_begin(self) -> None:
        if self._state >= _LINGER:
            return
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body = b""
        self._size = self._fed = self._header_count = self._counted = 0
        self._enter(_HEAD)

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._state != _HEAD:  # a trailer
            return
        self._header_count += 1
        name = name.lower()
        if self._header_count > _HEADERS:
            self._refuse("headers", sentence(431, f"there are more than {_HEADERS} headers"))
        elif name in self._headers:
            self._headers[name] += b", " + value
        else:
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        if self._state >= _LINGER or self._parser.should_upgrade():
            return
        headers, parser = self._headers, self._parser
        exchange = Exchange(self.flush, self._peer, parser.get_method(), self._target, headers)
        self._exchange = exchange
        self._enter(_BODY)
        limit = self._shared.service.admit(exchange)
        if isinstance(limit, Response):
            self._refuse("", limit)
        else:
            self._limit = limit
            if int(headers.get(b"content-length", b"0")) > limit:
                self._too_large()
            elif b"expect" in headers and not self._queue:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        if self._state != _BODY:
            return
        self._size += len(data)
        if self._size > self._limit:
            self._too_large()
        elif self._size > SMALL_BODY and not self._hold():
            busy = sentence(503, "too many large requests at once", ("Retry-After", "5"))
            self._refuse("memory", busy)
        elif not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data

    def on_message_complete(self) -> None:
        if self._state != _BODY:
            return
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        exchange.body, self._body = self._body, b""
        exchange.keep_alive = self._parser.should_keep_alive()
        self._enter(_ANSWER)
        self._queue.append(exchange)
        self._shared.service.take(exchange)

    # -- what goes out ---------------------------------------------------------------------

    def flush(self) -> None:
        """Write the answers that are due: those before which none is missing."""
        queue = self._queue
        parts: list[bytes] = []
        while queue and not self._unread and (answer := queue[0].response) is not None:
            exchange = queue.popleft()
            last = not exchange.keep_alive or (self._shared.closing and not queue)
            parts += (answer.head, self._shared.date, _persistence(exchange, last))
            if exchange.method != b"HEAD":
                parts.append(answer.body)
            if last:
                queue.clear()
                self._write(parts)
                self._finish()
                return
        if parts:
            self._write(parts)
            self._rest()

    def _rest(self) -> None:
        """After answering: go on with what came meanwhile, or wait for the next request."""
        if not self._queue and self._state == _ANSWER:
            self._release()
            self._enter(_IDLE)
        if self._unparsed:
            self._parse()
        if self._paused and not self._unread and not self._unparsed:
            self._paused = False
            self.transport.resume_reading()

    def _finish(self) -> None:
        """Close after the last answer."""
        if self._state == _LINGER and not self._ended and self.transport.can_write_eof():
            # The client may still be sending. Closing with unread bytes resets the connection,
            # and the answer is lost with it: so read on for a while.
            self.transport.write_eof()
            self._enter(_LINGER)
        else:
            self._close()

    def _close(self) -> None:
        """Close when all is written; the deadline is for a client that does not read it."""
        self._enter(_LINGER)
        self.transport.close()

    def _refuse(self, reason: str, response: Response) -> None:
        """Answer before the whole request has come, and take nothing more."""
        if self._state >= _LINGER:
            return
        if reason:
            self._shared.service.refused(reason)
        exchange = Exchange(self.flush)
        exchange.keep_alive = False
        self._state, self.deadline = _LINGER, math.inf
        self._body = self._unparsed = b""
        if self._paused and not self._unread:
            self._paused = False
            self.transport.resume_reading()
        self._queue.append(exchange)
        exchange.answer(response)

    def _too_large(self) -> None:
        self._refuse("size", sentence(413, f"the body is larger than {self._limit} bytes"))

    def _write(self, parts: list[bytes]) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"".join(parts))

    def _pause(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def _enter(self, state: int) -> None:
        self._state = state
        if not self._unread and state != _GONE:
            self.deadline = self._shared.clock() + self._shared.secs[state]

    def _hold(self) -> bool:
        """Count a large body in the budget of all; False if there is no room for it."""
        more = self._size - self._counted
        if self._shared.large_bytes + more > self._shared.limits.buffered_bytes:
            return False
        self._counted += more
        self._held += more
        self._shared.large_bytes += more
        return True

    def _release(self) -> None:
        self._shared.large_bytes -= self._held
        self._held = 0


def _persistence(exchange: Exchange, last: bool) -> bytes:
    """The end of the headers; HTTP/1.0 needs to be told that the connection stays."""
    if last:
        return b"Connection: close\r\n\r\n"
    return b"Connection: keep-alive\r\n\r\n" if b"connection" in exchange.headers else b"\r\n"
