"""A request and its answer, as the listener for alerts passes them around."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import msgspec


class Response(msgspec.Struct, frozen=True, gc=False):
    """An answer: its status line and headers, each ended by CRLF, and its body."""

    head: bytes
    body: bytes = b""


def response(
    status: int,
    body: bytes = b"",
    content_type: str = "text/plain; charset=utf-8",
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """An answer with its length, its type (if it has a body) and further headers."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
    if body:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value}" for name, value in headers]
    return Response("".join(f"{line}\r\n" for line in lines).encode("latin-1"), body)


def sentence(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """An answer that is one line of text for a person."""
    return response(status, f"{text}\n".encode(), headers=headers)


class Exchange:
    """One request and, once ``answer`` was called, its answer."""

    __slots__ = (
        "_flush",
        "body",
        "headers",
        "keep_alive",
        "method",
        "note",
        "peer",
        "response",
        "target",
    )

    def __init__(
        self,
        flush: Callable[[], None],
        peer: str = "",
        method: bytes = b"",
        target: bytes = b"",
        headers: dict[bytes, bytes] | None = None,
    ) -> None:
        self._flush = flush
        self.peer = peer
        self.method = method
        self.target = target
        self.headers = headers or {}
        """Names in lower case; values of a repeated one joined by ", "."""
        self.body: bytes | bytearray = b""
        self.keep_alive = True
        self.response: Response | None = None
        self.note: Any = None
        """For the service: what it wants to remember of the request."""

    def answer(self, response: Response) -> None:
        """Send the answer, after those of the requests before it; later calls do nothing."""
        if self.response is None:
            self.response = response
            self._flush()


class Service(Protocol):
    """What a listener serves."""

    def admit(self, exchange: Exchange) -> int | Response:
        """The headers have come: how large the body may be, or the refusal."""

    def take(self, exchange: Exchange) -> None:
        """The body has come; ``exchange.answer`` must be called, now or later."""

    def refused(self, reason: str) -> None:
        """A request was refused before ``take``: count it."""
