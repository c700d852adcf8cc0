"""Elasticsearch's stand: a proxy, which tests may break, in front of a real node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession, DummyCookieJar

from tests.servers.shared import SERVERS
from tests.sinks.http_stand import HttpStand, in_front_of

LACKS: Mapping[str, str] = {}
KEEPS_ONE = True
MARKS: Sequence[pytest.MarkDecorator] = (pytest.mark.servers,)


@dataclass
class ElasticsearchStand:
    proxy: HttpStand
    server: str
    index: str
    secrets: Sequence[str] = ("the-api-key", "header-token")

    @property
    def keys(self) -> Mapping[str, Any]:
        return {
            "urls": [self.proxy.url],
            "index": self.index,
            "rotate": "none",
            "setup": True,
            "api_key": "the-api-key",
            "headers": {"X-Api-Key": "header-token"},
        }

    async def ids(self) -> list[str]:
        return [found["uuid"] for found in await self.documents()]

    async def documents(self, pattern: str = "") -> list[dict[str, Any]]:
        """All documents that are kept, sorted by uuid."""
        parameters = "ignore_unavailable=true&size=1000"
        pattern = pattern or self.index
        await self.ask("POST", f"/{pattern}/_refresh?ignore_unavailable=true")
        found = await self.ask("GET", f"/{pattern}/_search?{parameters}")
        return sorted(
            (hit["_source"] for hit in found["hits"]["hits"]), key=lambda one: one["uuid"]
        )

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the node itself answers."""
        async with (
            ClientSession(cookie_jar=DummyCookieJar()) as session,
            session.request(method, self.server + path, json=body) as answer,
        ):
            return await answer.json()

    def fault(self, name: str) -> AbstractAsyncContextManager[Any]:
        return self.proxy.fault(name)


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[ElasticsearchStand]:
    server = SERVERS.elasticsearch().url
    async with in_front_of(server) as proxy:
        yield ElasticsearchStand(proxy, server, f"alerts-{uuid4().hex[:12]}")
