"""Kafka: a message per alert, acknowledged by all replicas, in order for each fingerprint."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec
from pydantic import Field

from sidekick.errors import PartlyDelivered, Rejected, Retryable
from sidekick.kafka import Broker, SaslConfig, Topic, connection
from sidekick.model import Envelope
from sidekick.section import Size
from sidekick.sinks import LaneConfig, Sink, SinkConfig
from sidekick.sinks._clean import cleaner
from sidekick.sinks._falcosidekick import Compat
from sidekick.sinks._falcosidekick.payload import canonical
from sidekick.sinks._tls import TlsConfig

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

_CLOSE_SECS = 5.0


class Config(SinkConfig):
    """A topic."""

    example: ClassVar[str] = """\
type: kafka
brokers: ["kafka-0:9092", "kafka-1:9092"]
topic: falco-alerts
"""

    type: Literal["kafka"] = "kafka"
    brokers: list[Broker] = Field(min_length=1)
    """Some of the brokers, `host:port`; the others are found through them."""
    topic: Topic
    """The topic. The key of a message is the alert's fingerprint, so repeats of an alert stay in
    one partition, in order; the headers are `id`, `rule`, `priority`, `source`, `content-type`."""
    client_id: str = "sidekick"
    """The name by which brokers know us, in their logs and quotas."""
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "lz4"
    """How messages are packed."""
    max_message: Size = Field(1_000_000, ge=1024)
    """Bytes of an alert at most; the default fits a broker's own (`message.max.bytes`)."""
    sasl: SaslConfig | None = None
    """Name and password, where brokers ask for them."""
    tls: TlsConfig | None = None
    """Encrypt the connections (`tls: {}` verifies by the system's authorities)."""
    compat: Compat = ""
    """`falcosidekick`: the message that that writes, which has neither key nor headers."""
    lane: LaneConfig = LaneConfig(
        batch_items=500, batch_bytes=1024 * 1024, batch_age=0.05, concurrency=1, timeout=30.0
    )


class _Told(msgspec.Struct):
    """What the headers say of a document."""

    rule: str
    source: str


_read = msgspec.json.Decoder(_Told).decode


class Kafka:
    """A producer that is made when it is needed, and anew after an error that it keeps."""

    def __init__(self, config: Config, arguments: dict[str, Any]) -> None:
        self._config = config
        self._arguments = arguments
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self._clean = cleaner([config.sasl.password] if config.sasl else [])

    async def send(self, batch: Sequence[Envelope]) -> None:
        producer = await self._started()
        try:
            async with asyncio.timeout(self._config.lane.timeout / 2):
                errors = await self._send_all(producer, batch)
        except TimeoutError:
            self._abandon(producer)
            raise Retryable(self._told(TimeoutError("no answer in time"))) from None
        except BaseException:
            self._abandon(producer)
            raise
        failed = {i: e for i, e in enumerate(errors) if e is not None}
        if not failed:
            return
        if any(not _may_pass(error) for error in failed.values()):
            self._abandon(producer)
        meanings = {i: self._meaning(e, len(batch)) for i, e in failed.items()}
        if len(batch) == 1:
            raise meanings[0]
        raise PartlyDelivered(meanings)

    async def _send_all(
        self, producer: AIOKafkaProducer, batch: Sequence[Envelope]
    ) -> list[BaseException | None]:
        sent = [await self._send_one(producer, envelope) for envelope in batch]
        waiting = [one for one in sent if isinstance(one, asyncio.Future)]
        if waiting:
            await asyncio.wait(waiting)
        return [one if isinstance(one, Exception) else one.exception() for one in sent]

    async def probe(self) -> None:
        """Ask the brokers what they have; for a topic that they do not show us, say so."""
        from aiokafka.errors import KafkaError

        producer = await self._started()
        try:
            await producer.client.fetch_all_metadata()
            await producer.partitions_for(self._config.topic)
        except (KafkaError, OSError) as error:
            raise Retryable(self._told(error)) from error

    async def _started(self) -> AIOKafkaProducer:
        from aiokafka import AIOKafkaProducer
        from aiokafka.errors import KafkaError

        async with self._turn:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._arguments)
                try:
                    await producer.start()
                    self._producer = producer
                except (KafkaError, OSError) as error:
                    raise Retryable(self._told(error)) from error
                finally:
                    if self._producer is None:
                        await producer.stop()
            return self._producer

    async def _send_one(
        self, producer: AIOKafkaProducer, envelope: Envelope
    ) -> asyncio.Future[Any] | Exception:
        from aiokafka.errors import KafkaError

        value, key, headers = _message(envelope, bool(self._config.compat))
        try:
            future: asyncio.Future[Any] = await producer.send(
                self._config.topic,
                value,
                key,
                timestamp_ms=envelope.received_ns // 1_000_000,
                headers=headers,
            )
        except (KafkaError, OSError) as error:
            return error
        # One whose delivery is cancelled fails later, when nobody asks any more.
        future.add_done_callback(lambda f: f.cancelled() or f.exception())
        return future

    def _meaning(self, error: BaseException, together: int) -> Retryable | Rejected:
        from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

        # Brokers refuse messages that came together for the sake of one: each is tried alone.
        alone = together == 1 or "max_request_size" in str(error)
        refused = (MessageSizeTooLargeError, RecordListTooLargeError)
        if isinstance(error, refused) and alone:
            return Rejected(self._told(error))
        return Retryable(self._told(error))

    def _told(self, error: BaseException) -> str:
        text = str(error) if str(error) else type(error).__name__
        return f"kafka {','.join(self._config.brokers)[:100]}: {self._clean(text)}"

    def _abandon(self, producer: AIOKafkaProducer) -> None:
        """Go on with a new one. What this one still holds is given up: sent with it as well as by
        the lane's next try, it would come once more for each try of an outage."""
        if self._producer is producer:
            self._producer = None
            ending = asyncio.create_task(_end(producer))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Let go of the brokers; the lane waits for deliveries before it closes."""
        if self._producer is not None:
            self._abandon(self._producer)
        if self._ending:
            await asyncio.wait(self._ending, timeout=_CLOSE_SECS)


def _message(
    envelope: Envelope, compat: bool
) -> tuple[bytes, bytes | None, list[tuple[str, bytes]]]:
    """Its value, key and headers."""
    if compat:
        return canonical(envelope), None, []
    told = _read(envelope.body)
    headers = [
        ("id", envelope.id.encode()),
        ("rule", told.rule.encode()),
        ("priority", envelope.priority.label.encode()),
        ("source", told.source.encode()),
        ("content-type", b"application/json"),
    ]
    return envelope.body, envelope.fingerprint.encode(), headers


async def _end(producer: AIOKafkaProducer) -> None:
    if producer._sender is not None:  # stop() alone would try to deliver first
        await producer._sender.close()
    with contextlib.suppress(Exception):
        await producer.stop()


def _may_pass(error: BaseException) -> bool:
    """Whether the producer that met it can go on."""
    from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
        return True
    return isinstance(error, KafkaError) and bool(error.retriable)


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """The brokers are reached with the first alert."""
    arguments = await connection(config.brokers, config.client_id, config.sasl, config.tls)
    arguments |= {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": None if config.compression == "none" else config.compression,
        "max_request_size": config.max_message,
        "max_batch_size": min(config.max_message, 256 * 1024),
        "request_timeout_ms": int(config.lane.timeout * 500),
    }
    sink = Kafka(config, arguments)
    try:
        yield sink
    finally:
        await sink.close()
