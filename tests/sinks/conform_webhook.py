"""The webhook's stand: a server that takes any JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.conformance import ids_in
from tests.sinks.http_stand import HttpStand

LACKS: Mapping[str, str] = {}
KEEPS_ONE = False
MARKS: Sequence[pytest.MarkDecorator] = ()


@dataclass
class WebhookStand(HttpStand):
    secrets: Sequence[str] = ("path-token", "query-token", "header-token", "signing-key")
    keys: Mapping[str, Any] = field(default_factory=dict)

    async def ids(self) -> list[str]:
        return [one for got in self.got for one in ids_in(got.body)]


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[WebhookStand]:
    from aiohttp import web

    stand = WebhookStand(lambda got: web.Response())
    await stand.start()
    stand.keys = {
        "url": f"{stand.url}/hook/path-token?key=query-token",
        "headers": {"X-Api-Key": "header-token"},
        "sign": "signing-key",
    }
    try:
        yield stand
    finally:
        await stand.stop()
