"""What a configuration has and nothing uses: no fault, but hardly what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from sidekick.pipeline.route import RouteConfig
from sidekick.settings.model import Settings
from sidekick.settings.tree import Path


def idle(settings: Settings) -> Iterator[tuple[Path, str]]:
    """The place of each such part, and why it has no effect."""
    routes = list(_routes(settings.route))
    if settings.route.lanes is not None:
        told = {lane for route in routes for lane in route.lanes or ()}
        for name in settings.sinks:
            if name not in told:
                yield ("sinks", name), "no route delivers to it"
    named = {window for route in routes for window in (*route.active, *route.mute)}
    for name in settings.windows:
        if name not in named:
            yield ("windows", name), "no route names it"


def _routes(route: RouteConfig) -> Iterator[RouteConfig]:
    yield route
    for child in route.routes:
        yield from _routes(child)
