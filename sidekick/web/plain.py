"""A second port without TLS for some paths only, beside a listener that speaks TLS.

Kubernetes' probes and scrapers have no client certificate; falcosidekick's `notlspaths` are for
them. The paths stay where they are with TLS as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from sidekick.listener.exchange import Exchange, Response, sentence
from sidekick.listener.serve import FinishingService
from sidekick.section import Section

Path = Literal["/", "/ping", "/healthz", "/readyz", "/test", "/metrics"]

_NAMED = frozenset({b"/ping", b"/healthz", b"/readyz", b"/test", b"/metrics"})
_NOT_HERE = sentence(404, "this path is served with TLS only (listen.plain.paths)")


class PlainConfig(Section):
    """Plain HTTP for some paths of a listener with TLS."""

    port: int = Field(2810, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    paths: tuple[Path, ...] = Field(min_length=1)
    """The paths that are served here, all others are answered 404. `/` stands for each path that
    takes alerts, and lets everybody who reaches the port send some unless `tokens` are set."""


class Plain:
    """The part of a service that is served without TLS."""

    def __init__(self, service: FinishingService, paths: tuple[Path, ...]) -> None:
        self._service = service
        self._named = frozenset(path.encode() for path in paths) - {b"/"}
        self._others = "/" in paths
        self.take: Callable[[Exchange], None] = service.take
        self.refused: Callable[[str], None] = service.refused
        self.finish = service.finish

    def admit(self, exchange: Exchange) -> int | Response:
        """The limit of the body where the path is one of ours; a refusal else."""
        path = exchange.target.partition(b"?")[0]
        served = path in self._named if path in _NAMED else self._others
        return self._service.admit(exchange) if served else _NOT_HERE
