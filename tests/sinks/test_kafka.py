"""Kafka: what a real broker holds, who it lets in, and what it will not take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.errors import PartlyDelivered, Rejected, Retryable
from sidekick.kafka import SaslConfig
from sidekick.model import Priority
from sidekick.sinks.kafka import Config, open_sink
from tests.servers.kafka import PASSWORD, USER
from tests.sinks.conform_kafka import KafkaStand, open_stand
from tests.sinks.conformance import envelope, identity

pytestmark = pytest.mark.servers


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[KafkaStand]:
    async with open_stand(tmp_path) as found:
        yield found


def opened(stand: KafkaStand, **keys: Any) -> Any:
    return open_sink(Config.model_validate({**stand.keys, **keys}))


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_a_message_has_the_alert_its_fingerprint_and_headers(
    stand: KafkaStand, compression: str
) -> None:
    async with opened(stand, compression=compression) as sink:
        await sink.send([envelope(n, priority=Priority.ERROR) for n in range(3)])
    first, *others = await stand.messages()
    assert (first.key, first.value) == (
        b"f000000000000000",
        envelope(0, priority=Priority.ERROR).body,
    )
    assert first.timestamp == 1_700_000_000_000
    assert dict(first.headers) == {
        "id": identity(0).encode(),
        "rule": b"Terminal shell in container",
        "priority": b"Error",
        "source": b"syscall",
        "content-type": b"application/json",
    }
    assert [dict(m.headers)["id"].decode() for m in others] == [identity(1), identity(2)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_broker_lets_in_who_has_the_password(stand: KafkaStand, mechanism: str) -> None:
    made = stand.server.certificates
    if made is None:
        pytest.skip("the server from outside has no secured listener")
    keys: dict[str, Any] = {
        "brokers": [stand.server.sasl_address],
        "tls": {"ca_file": made.ca_file},
        "sasl": {"mechanism": mechanism, "user": USER, "password": PASSWORD},
    }
    async with opened(stand, **keys) as sink:
        await sink.send([envelope(1)])
    assert await stand.ids() == [identity(1)]
    keys["sasl"] |= {"password": "another-password"}
    async with opened(stand, **keys) as sink:
        with pytest.raises(Retryable) as raised:
            await sink.send([envelope(2)])
    assert "another-password" not in str(raised.value)


async def test_a_broker_lets_in_who_has_a_certificate(stand: KafkaStand) -> None:
    made = stand.server.certificates
    if made is None:
        pytest.skip("the server from outside has no secured listener")
    tls = {"ca_file": made.ca_file, "cert_file": made.cert_file, "key_file": made.key_file}
    async with opened(stand, brokers=[stand.server.tls_address], tls=tls) as sink:
        await sink.send([envelope(1)])
    assert await stand.ids() == [identity(1)]
    only_trust = {"ca_file": made.ca_file}
    async with opened(stand, brokers=[stand.server.tls_address], tls=only_trust) as sink:
        with pytest.raises(Retryable):
            await sink.probe()


async def test_an_alert_that_is_too_large_is_refused_alone(stand: KafkaStand) -> None:
    large = envelope(1, output="x" * 5000)
    async with opened(stand, max_message="4KiB") as sink:
        with pytest.raises(PartlyDelivered) as raised:
            await sink.send([envelope(0), large, envelope(2)])
        assert [(i, type(e)) for i, e in raised.value.failed.items()] == [(1, Rejected)]
        with pytest.raises(Rejected):
            await sink.send([large])
    assert await stand.ids() == [identity(0), identity(2)]


async def test_what_the_broker_finds_too_large_is_refused_once_it_is_alone(
    stand: KafkaStand,
) -> None:
    large = envelope(1, output="x" * 2_500_000)  # the broker takes 2,000,000
    async with opened(stand, max_message="4MiB", compression="none") as sink:
        with pytest.raises(Rejected):
            await sink.send([large])
        await sink.send([envelope(2)])
    assert await stand.ids() == [identity(2)]


async def test_an_outage_leaves_no_copy_for_each_try(stand: KafkaStand) -> None:
    async with opened(stand, lane={"timeout": 0.6}) as sink:
        await sink.send([envelope(0)])
        async with stand.fault("hanging"):
            for _ in range(3):
                with pytest.raises(Retryable, match=r"no answer in time|bootstrap"):
                    await sink.send([envelope(1)])
        await sink.send([envelope(1)])
    arrived = await stand.ids()
    assert arrived[0] == identity(0)
    assert len(arrived) <= 3  # that of the first try had reached the broker


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"brokers": []}, "at least 1"),
        ({"brokers": ["http://kafka:9092"]}, "kafka-0:9092"),
        ({"topic": "a b"}, "pattern"),
        ({"sasl": {"mechanism": "GSSAPI", "user": "u", "password": "p"}}, "SCRAM"),
    ],
)
def test_settings_that_cannot_work_are_refused(keys: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        Config.model_validate({"brokers": ["h"], "topic": "t"} | keys)


@pytest.mark.parametrize(
    ("given", "read"),
    [("kafka", "kafka:9092"), ("kafka:1", "kafka:1"), ("[::1]", "[::1]:9092"), ("[::1]:1",) * 2],
)
def test_a_broker_without_a_port_has_the_usual_one(given: str, read: str) -> None:
    assert Config.model_validate({"brokers": [given], "topic": "t"}).brokers == [read]


def test_a_password_is_not_shown() -> None:
    sasl = SaslConfig.model_validate({"mechanism": "PLAIN", "user": "u", "password": "hidden-one"})
    assert "hidden-one" not in repr(sasl)
