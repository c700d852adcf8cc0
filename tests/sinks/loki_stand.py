"""A stand-in for Loki that is as strict as its push API (grafana.com/docs/loki, HTTP API).

Like Loki it keeps the good lines of a push that has bad ones, and keeps one of two equal lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.sinks.conformance import ids_in
from tests.sinks.http_stand import Got, HttpStand

Line = tuple[int, str]
Labels = tuple[tuple[str, str], ...]


@dataclass
class LokiStand(HttpStand):
    """``streams`` has the lines by labels; those before ``oldest_ns`` are refused."""

    streams: dict[Labels, list[Line]] = field(default_factory=dict)
    metadata: list[dict[str, str]] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    secrets: Sequence[str] = ("tenant-1", "basic-password")
    oldest_ns: int = 0

    async def ids(self) -> list[str]:
        lines = sorted(line for lines in self.streams.values() for line in lines)
        return [one for _, text in lines for one in ids_in(text)[:1]]

    def take(self, got: Got) -> web.Response:
        if got.method != "POST" or got.path != "/loki/api/v1/push":
            return web.Response(status=404, text="404 page not found")
        if got.headers.get("X-Scope-OrgID") != "tenant-1":
            return web.Response(status=401, text="no org id")
        try:
            late = sum(self._take_stream(one) for one in json.loads(got.body)["streams"])
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            return web.Response(status=400, text=f"couldn't parse push request: {error!r}")
        if late:
            return web.Response(status=400, text=f"{late} lines: timestamp too old")
        return web.Response(status=204)

    def _take_stream(self, stream: dict[str, Any]) -> int:
        labels, late = stream["stream"], 0
        assert set(stream) == {"stream", "values"}
        assert labels
        assert len(labels) <= 15
        for name, value in labels.items():
            assert re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name)
            assert isinstance(value, str)
            assert len(value) <= 2048
        lines = self.streams.setdefault(tuple(sorted(labels.items())), [])
        for when, text, *more in stream["values"]:
            assert isinstance(when, str)
            assert isinstance(text, str)
            assert all(isinstance(v, str) for one in more for v in one.values())
            self.metadata += more
            line = (int(when), text)
            if line[0] < self.oldest_ns:
                late += 1
            elif line not in lines:
                lines.append(line)
        return late


@asynccontextmanager
async def loki_stand() -> AsyncIterator[LokiStand]:
    """A running stand-in."""
    stand = LokiStand(lambda got: stand.take(got))
    await stand.start()
    stand.keys = {
        "url": stand.url,
        "tenant": "tenant-1",
        "user": "sidekick",
        "password": "basic-password",
    }
    try:
        yield stand
    finally:
        await stand.stop()
