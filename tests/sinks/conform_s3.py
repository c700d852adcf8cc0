"""S3's stand: a proxy, which tests may break, in front of a real server with a new bucket."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.s3 import S3
from tests.servers.shared import SERVERS
from tests.sinks.conformance import ids_in
from tests.sinks.http_stand import HttpStand, in_front_of

LACKS: Mapping[str, str] = {}
KEEPS_ONE = True
MARKS: Sequence[pytest.MarkDecorator] = (pytest.mark.servers,)


@dataclass
class S3Stand:
    proxy: HttpStand
    server: S3
    bucket: str

    @property
    def secrets(self) -> Sequence[str]:
        return (self.server.secret_key,)

    @property
    def keys(self) -> Mapping[str, Any]:
        return {
            "bucket": self.bucket,
            "endpoint": self.proxy.url,
            "access_key_id": self.server.access_key,
            "secret_access_key": self.server.secret_key,
            "lane": {"batch_age": 0.05},
        }

    async def ids(self) -> list[str]:
        return sorted(one for found in await self.objects() for one in ids_in(found.text))

    async def objects(self) -> list[Found]:
        """All objects but those of probes, by their keys."""
        return await asyncio.to_thread(self._objects)

    def _objects(self) -> list[Found]:
        client = self.server.client()
        try:
            listed = client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
            names = sorted(one["Key"] for one in listed)
            return [
                Found(name, client.get_object(Bucket=self.bucket, Key=name))
                for name in names
                if not name.endswith(".probe")
            ]
        finally:
            client.close()

    def fault(self, name: str) -> AbstractAsyncContextManager[Any]:
        return self.proxy.fault(name)


class Found:
    """An object: its key, its unpacked text and what the server says about it."""

    def __init__(self, key: str, answer: Any) -> None:
        self.key = key
        self.about = answer
        body = answer["Body"].read()  # some servers unpack for clients that do not ask for gzip
        self.text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[S3Stand]:
    server = SERVERS.s3()
    bucket = f"alerts-{uuid4().hex[:12]}"
    client = server.client()
    try:
        await asyncio.to_thread(client.create_bucket, Bucket=bucket)
    finally:
        client.close()
    async with in_front_of(server.url, raw=True) as proxy:
        yield S3Stand(proxy, server, bucket)
