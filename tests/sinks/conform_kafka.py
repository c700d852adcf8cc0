"""Kafka's stand: a proxy, which tests may break, in front of a real broker with a new topic."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.kafka import Kafka
from tests.servers.shared import SERVERS
from tests.sinks.conformance import ids_in

LACKS: Mapping[str, str] = {
    "failing": "brokers speak a protocol of their own",
    "throttling": "brokers slow clients down by answering late",
}
KEEPS_ONE = False
MARKS: Sequence[pytest.MarkDecorator] = (pytest.mark.servers,)


@dataclass
class Proxy:
    """Passes bytes on in both directions; when ``mute``, none of what the broker answers."""

    behind: int
    port: int
    mute: bool = False
    met: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there, back = await asyncio.open_connection("127.0.0.1", self.behind)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer, answers=True))
        finally:
            self._writers -= {writer, back}

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.mute:
                    self.met.set()
                    continue
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@dataclass
class KafkaStand:
    server: Kafka
    proxy: Proxy
    topic: str
    secrets: Sequence[str] = ()

    @property
    def keys(self) -> Mapping[str, Any]:
        return {
            "brokers": [f"127.0.0.1:{self.server.front}"],
            "topic": self.topic,
            "lane": {"timeout": 4.0},
        }

    async def ids(self) -> list[str]:
        return [one for m in await self.messages() for one in ids_in(m.value)[:1]]

    async def messages(self) -> list[Any]:
        """All messages of the topic so far."""
        from aiokafka import AIOKafkaConsumer, TopicPartition

        found: list[Any] = []
        async with AIOKafkaConsumer(bootstrap_servers=self.server.address) as consumer:
            place = TopicPartition(self.topic, 0)
            consumer.assign([place])
            end = (await consumer.end_offsets([place]))[place]
            consumer.seek(place, 0)
            async with asyncio.timeout(20):
                while end and (not found or found[-1].offset < end - 1):
                    found.append(await consumer.getone())
        return found

    @asynccontextmanager
    async def fault(self, name: str) -> AsyncIterator[asyncio.Event]:
        if name == "refusing":
            await self.proxy.stop()
            self.proxy.met.set()
        else:
            self.proxy.mute = True
        try:
            yield self.proxy.met
        finally:
            self.proxy.mute = False
            await self.proxy.stop()
            await self.proxy.start()


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[KafkaStand]:
    server = SERVERS.kafka()
    topic = f"alerts-{uuid4().hex[:12]}"
    await make_topic(server, topic)
    proxy = Proxy(server.behind, server.front)
    await proxy.start()
    try:
        yield KafkaStand(server, proxy, topic)
    finally:
        await proxy.stop()


async def make_topic(server: Kafka, topic: str, partitions: int = 1) -> None:
    """A topic that all brokers know of when this returns."""
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    admin = AIOKafkaAdminClient(bootstrap_servers=server.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()
