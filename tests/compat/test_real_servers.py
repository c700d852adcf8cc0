"""falcosidekick's variables alone deliver to real servers: encrypted, as whom, in which form."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.compat.test_processes import ALERT, hub, post
from tests.servers.elasticsearch import Elasticsearch
from tests.servers.kafka import PASSWORD, USER, Kafka
from tests.servers.s3 import S3
from tests.sinks.conformance import until

pytestmark = pytest.mark.servers


async def _messages(server: Kafka, topic: str) -> list[Any]:
    from aiokafka import AIOKafkaConsumer

    async with (
        AIOKafkaConsumer(
            topic, bootstrap_servers=server.address, auto_offset_reset="earliest"
        ) as consumer,
        asyncio.timeout(30),
    ):
        return [await consumer.getone()]


def _way(server: Kafka, way: str) -> dict[str, str]:
    """The variables of a way to the brokers."""
    if way == "plain":
        return {"KAFKA_HOSTPORT": server.address}
    files = server.certificates
    if files is None:
        pytest.skip("a Kafka from outside says nothing of its certificates")
    trusting = {"TLSCLIENT_CACERTFILE": str(files.ca_file), "KAFKA_COMPRESSION": "GZIP"}
    if way == "sasl":
        return trusting | {
            "KAFKA_HOSTPORT": server.sasl_address,
            "KAFKA_TLS": "true",
            "KAFKA_SASL": "SCRAM_SHA512",
            "KAFKA_USERNAME": USER,
            "KAFKA_PASSWORD": PASSWORD,
        }
    return trusting | {
        "KAFKA_HOSTPORT": server.tls_address,
        "KAFKA_TSL": "true",
        "KAFKA_MUTUALTLS": "true",
        "MUTUALTLSCLIENT_CACERTFILE": str(files.ca_file),
        "MUTUALTLSCLIENT_CERTFILE": str(files.cert_file),
        "MUTUALTLSCLIENT_KEYFILE": str(files.key_file),
    }


@pytest.mark.parametrize("way", ["plain", "sasl", "mutual TLS"])
async def test_kafka_by_its_variables(tmp_path: Path, kafka_server: Kafka, way: str) -> None:
    topic = f"falco-{uuid4().hex}"
    variables = {"KAFKA_TOPIC": topic, **_way(kafka_server, way)}
    with hub(tmp_path, **variables) as port:
        await asyncio.to_thread(post, port)
        (message,) = await _messages(kafka_server, topic)
    assert (message.key, message.headers) == (None, ())
    found = json.loads(message.value)
    assert list(found) == ["uuid", "output", "priority", "rule", "time", "output_fields", "source"]
    assert found["rule"] == "Shell"


async def test_elasticsearch_by_its_variables(
    tmp_path: Path, elasticsearch_server: Elasticsearch
) -> None:
    index = f"falco-{uuid4().hex}"
    url = f"{elasticsearch_server.url}/{index}-2026/_search"
    variables = {
        "ELASTICSEARCH_HOSTPORT": elasticsearch_server.url,
        "ELASTICSEARCH_INDEX": index,
        "ELASTICSEARCH_SUFFIX": "annually",
        "ELASTICSEARCH_FLATTENFIELDS": "true",
        "ELASTICSEARCH_CREATEINDEXTEMPLATE": "true",
        "ELASTICSEARCH_NUMBEROFREPLICAS": "1",
    }

    def hits() -> list[Any]:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found: list[Any] = json.load(answer)["hits"]["hits"]
                return found
        except urllib.error.HTTPError:
            return []

    with hub(tmp_path, **variables) as port:
        await asyncio.to_thread(post, port)
        await until(hits, 30)
    (hit,) = hits()
    assert hit["_source"]["@timestamp"] == ALERT["time"]
    assert hit["_source"]["output_fields"] == {"proc_name": "bash", "env": "the sender's"}


async def test_s3_by_its_variables(tmp_path: Path, s3_server: S3) -> None:
    bucket = f"b{uuid4().hex}"
    client = s3_server.client()
    client.create_bucket(Bucket=bucket)
    variables = {
        "AWS_S3_BUCKET": bucket,
        "AWS_S3_ENDPOINT": s3_server.url,
        "AWS_ACCESSKEYID": s3_server.access_key,
        "AWS_SECRETACCESSKEY": s3_server.secret_key,
    }

    def objects() -> list[Any]:
        return list(client.list_objects_v2(Bucket=bucket).get("Contents", []))

    try:
        with hub(tmp_path, **variables) as port:
            await asyncio.to_thread(post, port)
            await until(objects, 30)
        (one,) = objects()
        assert one["Key"].startswith("falco/20")
        assert one["Key"].endswith("Z.json")
        body = client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
        assert json.loads(body)["rule"] == "Shell"
    finally:
        client.close()
