"""Kafka as a source: what a real broker gives, durable before it is confirmed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest

from sidekick.errors import Shed
from sidekick.model import Priority
from sidekick.sources.kafka import Config, run
from tests.servers.kafka import Kafka
from tests.servers.process import free_ports
from tests.sinks.conform_kafka import make_topic
from tests.web.listening import FakeIntake, alert

pytestmark = pytest.mark.servers


class Topic:
    """A topic of its own on a real broker."""

    def __init__(self, server: Kafka) -> None:
        self.server = server
        self.name = f"source-{uuid4().hex[:12]}"

    def config(self, **keys: Any) -> Config:
        given = {"brokers": [self.server.address], "topics": [self.name], "group": self.name}
        return Config.model_validate(given | keys)

    async def put(self, *messages: bytes) -> None:
        from aiokafka import AIOKafkaProducer

        async with AIOKafkaProducer(bootstrap_servers=self.server.address) as producer:
            for message in messages:
                await producer.send_and_wait(self.name, message)

    async def confirmed(self) -> int:
        """The group's offset in the only partition."""
        from aiokafka import AIOKafkaConsumer, TopicPartition

        async with AIOKafkaConsumer(
            bootstrap_servers=self.server.address, group_id=self.name, enable_auto_commit=False
        ) as consumer:
            return await consumer.committed(TopicPartition(self.name, 0)) or 0


@pytest.fixture
async def topic(kafka_server: Kafka) -> Topic:
    found = Topic(kafka_server)
    await make_topic(kafka_server, found.name)
    return found


@contextlib.asynccontextmanager
async def reading(config: Config, intake: FakeIntake) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(run(config, intake))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], secs: float = 20.0) -> None:
    async with asyncio.timeout(secs):
        while not condition():
            await asyncio.sleep(0.01)


async def test_alerts_are_taken_in_order_and_then_confirmed(topic: Topic) -> None:
    await topic.put(alert("A"), b"[" + alert("B") + b"," + alert("C") + b"]", alert("D"))
    intake = FakeIntake()
    async with reading(topic.config(), intake):
        await until(lambda: len(intake.alerts) == 4)
        async with asyncio.timeout(10):
            while await topic.confirmed() < 3:
                await asyncio.sleep(0.05)
    assert intake.rules == ["A", "B", "C", "D"]


async def test_nothing_is_confirmed_before_it_is_durable(topic: Topic) -> None:
    await topic.put(alert("A"))
    intake = FakeIntake()
    intake.slow = True
    async with reading(topic.config(), intake):
        await until(lambda: intake.waiting)
        assert await topic.confirmed() == 0
    again = FakeIntake()
    async with reading(topic.config(), again):
        await until(lambda: again.alerts)
    assert again.rules == ["A"]


async def test_what_is_no_alert_goes_into_the_quarantine_and_stops_nothing(topic: Topic) -> None:
    await topic.put(alert("A"), b"no json", alert(priority="loud"), b"", alert("B"))
    intake = FakeIntake()
    async with reading(topic.config(), intake):
        await until(lambda: len(intake.alerts) == 2)
        await until(lambda: len(intake.quarantined) == 3)
    (source, body, reason), *_ = intake.quarantined
    assert source == f"kafka {topic.name}[0]@1"
    assert body == b"no json"
    assert reason


async def test_a_full_log_keeps_out_only_what_is_not_severe_enough(topic: Topic) -> None:
    class Full(FakeIntake):
        room = False

        def offer(self, alerts: Any, answer: Any) -> None:
            severe = all(one.priority >= Priority.CRITICAL for one in alerts)
            self.error = None if severe or self.room else Shed("full")
            super().offer(alerts, answer)

    await topic.put(alert("low"), alert("high", priority="Critical"), alert("low 2"))
    intake = Full()
    async with reading(topic.config(), intake):
        await until(lambda: intake.rules == ["high"])
        assert await topic.confirmed() == 0
        intake.room = True
        await until(lambda: sorted(intake.rules) == ["high", "low", "low 2"])


async def test_brokers_that_are_away_are_told_once_and_tried_again(
    topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    (port,) = free_ports(1)
    intake = FakeIntake()
    async with reading(topic.config(brokers=[f"127.0.0.1:{port}"]), intake) as task:
        await until(lambda: "trying again" in caplog.text)
        await asyncio.sleep(1.2)
        assert not task.done()
    assert caplog.text.count("trying again") == 1


async def test_a_group_begins_where_it_is_told(topic: Topic) -> None:
    await topic.put(alert("old"))
    intake = FakeIntake()
    async with reading(topic.config(start="latest"), intake):
        async with asyncio.timeout(20):
            while not intake.alerts:
                await topic.put(alert("new"))
                await asyncio.sleep(0.2)
    assert set(intake.rules) == {"new"}
