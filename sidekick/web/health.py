"""What the listener tells about sidekick itself: is it alive, is it ready, its metrics."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from sidekick.listener.exchange import Response, response

Ready = Callable[[], Sequence[str]]
"""Why alerts cannot be taken now, as sentences; none: they can."""

Exposition = Callable[[str], tuple[bytes, str]]
"""The metrics for an Accept header: the text and its content type."""

JSON = "application/json"
PONG = response(200, b"pong\n", "text/plain")
ALIVE = response(200, b'{"status": "ok"}', JSON)

_READY = response(200, b'{"status": "ready"}', JSON)
_GZIP_FROM = 1024
_END = b"# EOF\n"  # of OpenMetrics


def always_ready() -> Sequence[str]:
    """A ``Ready`` for a service that nothing can keep from taking alerts."""
    return ()


def readiness(ready: Ready) -> Response:
    """The answer of /readyz: 200, or 503 with the reasons."""
    reasons = list(ready())
    if not reasons:
        return _READY
    body = msgspec.json.encode({"status": "not ready", "reasons": reasons})
    return response(503, body, JSON)


def exposition(
    registry: CollectorRegistry, more: Callable[[bool], bytes] | None = None
) -> Exposition:
    """The metrics of a registry, as Prometheus text or OpenMetrics, whichever is asked for.

    ``more`` gives further families as text, in the form of OpenMetrics if it is told so.
    """

    def expose(accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        text = encode(registry)
        if more is not None:
            openmetrics = text.endswith(_END)
            text = text.removesuffix(_END) + more(openmetrics) + (_END if openmetrics else b"")
        return text, content_type

    return expose


def scrape(expose: Exposition, accept: str, accept_encoding: str) -> Response:
    """The answer of /metrics, packed if the scraper takes that."""
    body, content_type = expose(accept)
    headers = [("Vary", "Accept-Encoding")]
    if len(body) >= _GZIP_FROM and "gzip" in accept_encoding.lower():
        body = zlib.compress(body, level=1, wbits=31)
        headers.append(("Content-Encoding", "gzip"))
    return response(200, body, content_type, headers)
