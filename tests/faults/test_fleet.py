"""Two hubs share a topic; one is killed: the other goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.faults.load import alert
from tests.faults.receiver import Receiver, receiver
from tests.faults.system import system, until
from tests.servers.kafka import Kafka
from tests.sinks.conform_kafka import make_topic

pytestmark = pytest.mark.servers

_ALERTS = 6000


def _config(server: Kafka, topic: str, port: int) -> dict[str, Any]:
    return {
        "dedup": {"enabled": False},
        "admin": {"enabled": False},
        "sources": {
            "fleet": {
                "type": "kafka",
                "brokers": [server.address],
                "topics": [topic],
                "group": topic,
                "batch_items": 50,
            }
        },
        "sinks": {"out": {"type": "webhook", "url": f"http://127.0.0.1:{port}/"}},
    }


async def _produce(server: Kafka, topic: str, numbers: range) -> None:
    from aiokafka import AIOKafkaProducer

    async with AIOKafkaProducer(bootstrap_servers=server.address) as producer:
        for number in numbers:
            await producer.send(topic, alert(number), partition=number % 4)
        await producer.flush()


async def test_nothing_is_lost_when_one_of_two_hubs_is_killed(
    tmp_path: Path, kafka_server: Kafka
) -> None:
    topic = f"fleet-{uuid4().hex[:12]}"
    await make_topic(kafka_server, topic, partitions=4)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        receiver() as (one, port),
        receiver() as (other, other_port),
        system(tmp_path / "a", _config(kafka_server, topic, port)) as first,
        system(tmp_path / "b", _config(kafka_server, topic, other_port)),
    ):
        sent = 0
        async with asyncio.timeout(60):
            while not (one.seen and other.seen):  # the group shares out its partitions
                await _produce(kafka_server, topic, range(sent, sent + 200))
                sent += 200
        producing = asyncio.create_task(_produce(kafka_server, topic, range(sent, sent + _ALERTS)))
        before = len(one.seen)
        await until(lambda: len(one.seen) > before, 30, "the first hub takes nothing")
        await first.stop(signal.SIGKILL)
        await producing
        sent += _ALERTS
        await until(
            lambda: len(_seen(one, other)) > sent * 3 // 4, 90, "the other hub does not go on"
        )
        # What the killed hub had taken but not delivered is in its log, and goes out from there.
        await first.start()
        await until(lambda: len(_seen(one, other)) == sent, 90, "alerts were lost")


def _seen(*receivers: Receiver) -> set[int]:
    return {number for one in receivers for number in one.seen}
