"""The servers that other tests rely on do start, serve, and end."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.servers.answering import Quiet, serving
from tests.servers.elasticsearch import Elasticsearch
from tests.servers.kafka import Kafka
from tests.servers.kubernetes import Kubernetes
from tests.servers.process import NotStarted, answers, free_ports, running
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import S3

pytestmark = pytest.mark.servers


async def test_kafka_takes_a_message_and_gives_it_back(kafka_server: Kafka) -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    async with AIOKafkaProducer(bootstrap_servers=kafka_server.address) as producer:
        await producer.send_and_wait("servers", b"hello")
    async with AIOKafkaConsumer(
        "servers", bootstrap_servers=kafka_server.address, auto_offset_reset="earliest"
    ) as consumer:
        async with asyncio.timeout(20):
            message = await consumer.getone()

    assert message.value == b"hello"


def test_elasticsearch_keeps_a_document(elasticsearch_server: Elasticsearch) -> None:
    url = f"{elasticsearch_server.url}/servers/_create/1?refresh=true"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, b'{"a": 1}', headers, method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201

    with urllib.request.urlopen(f"{elasticsearch_server.url}/servers/_count") as answer:
        assert json.load(answer)["count"] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_s3_keeps_an_object_and_encrypts_it(s3_server: S3) -> None:
    client = s3_server.client()
    try:
        client.create_bucket(Bucket="servers")
        client.put_object(
            Bucket="servers",
            Key="a/b",
            Body=b"hello",
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId="key-1",
        )
        found = client.get_object(Bucket="servers", Key="a/b")
        body = found["Body"].read()
    finally:
        client.close()

    assert (body, found["ServerSideEncryption"], found["SSEKMSKeyId"]) == (
        b"hello",
        "aws:kms",
        "key-1",
    )


async def test_prometheus_scrapes_the_page_it_is_told_of(prometheus_server: Prometheus) -> None:
    with page(b"# TYPE answer gauge\nanswer 42\n") as port:
        prometheus_server.scrape(f"127.0.0.1:{port}")
        async with asyncio.timeout(20):
            while not (found := prometheus_server.query("answer")):
                await asyncio.sleep(0.1)

    assert found[0]["value"][1] == "42"


def test_kubernetes_keeps_an_object_and_knows_who_may(kubernetes_server: Kubernetes) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "servers"}}

    assert kubernetes_server.call("POST", "/api/v1/namespaces", namespace, user="alice")[0] == 403
    assert kubernetes_server.call("POST", "/api/v1/namespaces", namespace)[0] == 201

    status, found = kubernetes_server.call("GET", "/api/v1/namespaces/servers")
    assert (status, found["metadata"]["name"]) == (200, "servers")


def page(text: bytes) -> AbstractContextManager[int]:
    """A server that answers everything with the text, as Prometheus reads it."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

    return serving(Handler)


def test_a_server_that_ends_is_reported_with_what_it_printed(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo no space left; exit 3"]

    refused = pytest.raises(NotStarted, match="ended with 3:\nno space left")
    with refused, running(command, tmp_path, lambda: False):
        pass


def test_a_server_is_killed_at_the_end_of_its_block(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = ["python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"]

    with running(command, tmp_path, lambda: answers(port)) as process:
        assert process.poll() is None

    assert not answers(port)
