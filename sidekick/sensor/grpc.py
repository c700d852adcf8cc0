"""One call of gRPC over a unix socket: one request, one response, one connection.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. The import costs 9 ms and 0.6 MiB
in a sensor: import it where a server has been found.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

NOT_FOUND = 5
UNIMPLEMENTED = 12
LARGEST = 4 * 1024 * 1024

_CHUNK = 65_536
_PREFIX = 5
"""A message begins with a byte that says whether it is compressed, and four of its length."""


class CallFailed(OSError):
    """The server answered with a status of its own; see ``code``."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"gRPC status {code}: {message}")
        self.code = code


def call(path: Path, method: str, request: bytes, timeout_secs: float) -> bytes:
    """The response of a server at ``path`` to ``method`` (``/package.Service/Method``).

    Raises CallFailed for a status that is not 0, OSError for all else.
    """
    exchange = _Exchange(method, request)
    try:
        _carry_out(path, exchange, time.monotonic() + timeout_secs)
        return exchange.response()
    except TimeoutError as error:
        raise TimeoutError(f"{path}: no answer to {method} in {timeout_secs:g} s") from error
    except (ProtocolError, ValueError) as error:
        raise OSError(f"{path}: {error}") from error


def _carry_out(path: Path, exchange: _Exchange, until: float) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
        connected.settimeout(_left(until))
        connected.connect(str(path))
        while not exchange.ended:
            connected.settimeout(_left(until))
            connected.sendall(exchange.to_send())
            connected.settimeout(_left(until))
            exchange.receive(connected.recv(_CHUNK))


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Exchange:
    """A call in HTTP/2, without the socket."""

    def __init__(self, method: str, request: bytes) -> None:
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._http.initiate_connection()
        stream = self._http.get_next_available_stream_id()
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": method,
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
            "user-agent": "sidekick",
        }
        self._http.send_headers(stream, list(headers.items()))
        message = b"\0" + len(request).to_bytes(4, "big") + request
        self._http.send_data(stream, message, end_stream=True)
        self._body = bytearray()
        self._headers: dict[str, str] = {}
        self.ended = False

    def to_send(self) -> bytes:
        return self._http.data_to_send()

    def receive(self, data: bytes) -> None:
        """Raises ProtocolError, ValueError."""
        if not data:
            raise ValueError("the connection was closed before the answer")
        for event in self._http.receive_data(data):
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case ResponseReceived() | TrailersReceived():
                self._headers |= {str(name): str(value) for name, value in event.headers or ()}
            case DataReceived():
                self._take_data(event)
            case StreamEnded():
                self.ended = True
            case StreamReset() if event.error_code != ErrorCodes.NO_ERROR or not self.ended:
                raise ValueError(f"the call was reset with {event.error_code!r}")
            case ConnectionTerminated() if not self.ended:
                raise ValueError(f"the connection was ended with {event.error_code!r}")

    def _take_data(self, event: DataReceived) -> None:
        self._body += event.data or b""
        if len(self._body) > LARGEST:
            raise ValueError(f"an answer of more than {LARGEST} bytes")
        if event.flow_controlled_length and event.stream_id is not None:
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def response(self) -> bytes:
        """Raises CallFailed, ValueError."""
        status = self._headers.get("grpc-status", "")
        if not status.isdecimal():
            found = self._headers.get(":status")
            raise ValueError(f"wanted gRPC, found an answer with HTTP status {found}")
        if int(status):
            raise CallFailed(int(status), unquote(self._headers.get("grpc-message", "")))
        length = int.from_bytes(self._body[1:_PREFIX], "big")
        message = self._body[_PREFIX:]
        if len(self._body) < _PREFIX or self._body[0] or length != len(message):
            raise ValueError(f"wanted one message, not compressed, found {self._body[:16]!r}")
        return bytes(message)
