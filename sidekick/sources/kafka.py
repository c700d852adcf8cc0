"""Kafka as a source: alerts out of topics, which a consumer group shares among many hubs.

The group's offset moves on only after the alerts are durable in this hub's log. So nothing is lost
when a hub dies; what it had read and not yet confirmed comes again, to another member of the group.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from sidekick import metrics
from sidekick.errors import InvalidAlert, Shed
from sidekick.kafka import Broker, SaslConfig, Topic, connection
from sidekick.model import Alert
from sidekick.section import Size
from sidekick.sinks._clean import cleaner
from sidekick.sinks._tls import TlsConfig
from sidekick.sources import Intake, RuleEngine, SourceConfig
from sidekick.sources.falco import decode_many

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

    Batch = Mapping[TopicPartition, Sequence[ConsumerRecord]]

log = logging.getLogger(__name__)

_POLL_MS = 1000
_FIRST_PAUSE_SECS = 0.5
_LONGEST_PAUSE_SECS = 30.0
_STOP_SECS = 5.0

_accepted = metrics.received.labels("kafka", "accepted")
_rejected = metrics.received.labels("kafka", "rejected")
_shed = metrics.received.labels("kafka", "shed")


class Config(SourceConfig):
    """Topics."""

    example: ClassVar[str] = """\
type: kafka
brokers: ["kafka-0:9092", "kafka-1:9092"]
topics: [falco-alerts]
group: sidekick
"""

    type: Literal["kafka"] = "kafka"
    brokers: list[Broker] = Field(min_length=1)
    """Some of the brokers, `host:port`; the others are found through them."""
    topics: list[Topic] = Field(min_length=1)
    """The topics. A message is an alert as Falco writes it, an array of such or lines of them."""
    group: str = Field("sidekick", min_length=1)
    """The consumer group. Hubs of one group share the partitions; each alert goes to one of
    them."""
    client_id: str = "sidekick"
    """The name by which brokers know us, in their logs and quotas."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a group begins that has never read a partition."""
    batch_items: int = Field(500, ge=1, le=10_000)
    """Messages that are made durable together at most."""
    max_message: Size = Field(1024 * 1024, ge=1024)
    """Bytes of an alert at most; a larger one goes into the quarantine."""
    sasl: SaslConfig | None = None
    """Name and password, where brokers ask for them."""
    tls: TlsConfig | None = None
    """Encrypt the connections (`tls: {}` verifies by the system's authorities)."""


async def run(
    config: Config, intake: Intake, engine: Callable[[], RuleEngine] | None = None
) -> None:
    """Read until cancelled; brokers that are away are tried again, with a growing pause."""
    from aiokafka.errors import KafkaError

    told, pause = "", _FIRST_PAUSE_SECS
    clean = cleaner([config.sasl.password] if config.sasl else [])
    while True:
        try:
            async with _consumer(config) as consumer:
                log.info("reading from Kafka", extra={"topics": ",".join(config.topics)})
                told, pause = "", _FIRST_PAUSE_SECS
                await _read(config, consumer, intake)
        except (KafkaError, OSError) as error:
            reason = clean(str(error)) or type(error).__name__
            if reason != told:
                log.warning("Kafka cannot be read, trying again", extra={"error": reason})
            told = reason
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECS)


@asynccontextmanager
async def _consumer(config: Config) -> AsyncIterator[AIOKafkaConsumer]:
    from aiokafka import AIOKafkaConsumer

    arguments = await connection(config.brokers, config.client_id, config.sasl, config.tls)
    consumer = AIOKafkaConsumer(
        *config.topics,
        group_id=config.group,
        enable_auto_commit=False,
        auto_offset_reset=config.start,
        isolation_level="read_committed",
        max_partition_fetch_bytes=max(1024 * 1024, 2 * config.max_message),
        **arguments,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECS):
                await consumer.stop()


async def _read(config: Config, consumer: AIOKafkaConsumer, intake: Intake) -> None:
    while True:
        batch: Batch = await consumer.getmany(timeout_ms=_POLL_MS, max_records=config.batch_items)
        alerts = [
            alert for messages in batch.values() for alert in _alerts(config, messages, intake)
        ]
        if alerts:
            await _make_durable(consumer, intake, alerts)
        if batch:
            await _confirm(consumer, batch)


def _alerts(config: Config, messages: Sequence[Any], intake: Intake) -> list[Alert]:
    """The alerts in these messages; what is none goes into the quarantine and stops nothing."""
    found: list[Alert] = []
    for message in messages:
        if message.value is None:  # a deletion, where a topic is compacted
            continue
        place = f"kafka {message.topic}[{message.partition}]@{message.offset}"
        for item in decode_many(message.value, "", config.max_message):
            if isinstance(item, InvalidAlert):
                _rejected.inc()
                intake.quarantine(place, item.body, str(item))
            else:
                found.append(item)
    return found


async def _make_durable(
    consumer: AIOKafkaConsumer, intake: Intake, alerts: Sequence[Alert]
) -> None:
    """Return when the log has them all. While it has no room for some, Kafka keeps the rest."""
    waiting = [alerts]
    pause = _FIRST_PAUSE_SECS
    while True:
        refused = [some for some in waiting if not await _taken(intake, some)]
        if not refused:
            return
        # One that is not severe enough must not keep out the others that came with it.
        waiting = [[alert] for some in refused for alert in some]
        if any(len(some) > 1 for some in refused):
            continue
        await _wait(consumer, pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECS)


async def _taken(intake: Intake, alerts: Sequence[Alert]) -> bool:
    answer: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def told(error: BaseException | None) -> None:
        if not answer.done():
            answer.set_result(error)

    intake.offer(alerts, told)
    error = await answer
    if error is None:
        _accepted.inc(len(alerts))
        return True
    if not isinstance(error, Shed):
        log.error("could not take alerts from Kafka", extra={"error": str(error)})
    _shed.inc(len(alerts))
    return False


async def _wait(consumer: AIOKafkaConsumer, secs: float) -> None:
    """Let time pass and stay a member of the group, which wants us to ask for messages."""
    assigned = consumer.assignment()
    consumer.pause(*assigned)
    try:
        await consumer.getmany(timeout_ms=int(secs * 1000))
        await asyncio.sleep(secs)
    finally:
        consumer.resume(*(assigned & consumer.assignment()))


async def _confirm(consumer: AIOKafkaConsumer, batch: Batch) -> None:
    """Move the group's offsets past these messages, as far as the partitions are still ours."""
    from aiokafka.errors import CommitFailedError, IllegalStateError

    offsets = {
        place: messages[-1].offset + 1
        for place, messages in batch.items()
        if place in consumer.assignment()
    }
    if not offsets:
        return
    try:
        await consumer.commit(offsets)
    except (CommitFailedError, IllegalStateError) as error:
        # Another member has the partitions now; these alerts come to it once more.
        log.info("Kafka shared out its partitions anew", extra={"error": str(error)})
