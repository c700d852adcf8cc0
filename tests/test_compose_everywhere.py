"""What `docker compose up` promises, with each service's own server and its own configuration.

The images come from registries; the servers here are the same programs, installed otherwise
(SeaweedFS for MinIO). Grafana is not among them: its data sources are asked as it asks them.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka import AIOKafkaConsumer

from tests.faults.system import System
from tests.observability.dashboards import FOLDER, panels, read
from tests.servers import places
from tests.servers.compose import ROOT, configuration
from tests.servers.elasticsearch import Elasticsearch
from tests.servers.kafka import Kafka
from tests.servers.process import NotStarted, free_ports, running
from tests.servers.prometheus import Prometheus, is_ready
from tests.servers.s3 import S3
from tests.sinks.conformance import until

pytestmark = [pytest.mark.servers, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

RULE = "Terminal shell in container"
TOPIC = "security-alerts"
"""Of the bucket and the index as well."""


@pytest.fixture(scope="module")
def hub(
    kafka_server: Kafka,
    elasticsearch_server: Elasticsearch,
    s3_server: S3,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """Sidekick with the configuration of docker-compose.yml; the alert in its comment was sent."""
    config = configuration(kafka_server, elasticsearch_server, s3_server)
    config["sinks"]["archive"]["lane"]["batch_age"] = "100ms"
    with ExitStack() as stack, asyncio.Runner() as runner:
        client = s3_server.client()
        stack.callback(client.close)
        if TOPIC not in {one["Name"] for one in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=config["sinks"]["archive"]["bucket"])
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
        found = System(tmp_path_factory.mktemp("everywhere"), config)
        runner.run(found.start())
        try:
            _send(found.port)
            yield found
        finally:
            assert runner.run(found.stop(signal.SIGTERM)) == 0, found.log()


def _send(port: int) -> None:
    text = (ROOT / "docker-compose.yml").read_text().replace("\n#", "\n")
    (command,) = re.findall(r"curl -d '.*?' http://localhost:2801/", text, re.DOTALL)
    here = command.replace("localhost:2801", f"127.0.0.1:{port}").replace("curl", "curl -sS --fail")
    subprocess.run(["sh", "-c", here], check=True, timeout=20)


def ask(url: str, body: Any = None) -> Any:
    """The JSON at an address, as the answer to a JSON body if there is one."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


async def test_it_is_printed(hub: System) -> None:
    await until(lambda: RULE in hub.log())


async def test_it_is_in_kafka(hub: System, kafka_server: Kafka) -> None:
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=kafka_server.address, auto_offset_reset="earliest", group_id=None
    )
    async with asyncio.timeout(30), consumer:
        async for message in consumer:
            if json.loads(message.value)["rule"] == RULE:
                return


async def test_it_is_in_elasticsearch(hub: System, elasticsearch_server: Elasticsearch) -> None:
    url = f"{elasticsearch_server.url}/{TOPIC}-*/_search"
    body = {"query": {"term": {"rule": RULE}}}

    await until(lambda: hits(url, body), 20)


def hits(url: str, body: Any) -> list[Any]:
    """What a search finds; nothing while the index comes into being."""
    try:
        found: list[Any] = ask(url, body)["hits"]["hits"]
    except urllib.error.HTTPError as error:
        error.close()
        return []
    return found


async def test_it_is_in_the_bucket(hub: System, s3_server: S3) -> None:
    client = s3_server.client()

    def found() -> bool:
        listed = client.list_objects_v2(Bucket=TOPIC).get("Contents", [])
        return any(RULE in _lines(client, one["Key"]) for one in listed)

    try:
        await until(found, 20)
    finally:
        client.close()


def _lines(client: Any, key: str) -> str:
    return gzip.decompress(client.get_object(Bucket=TOPIC, Key=key)["Body"].read()).decode()


@pytest.fixture(scope="module")
def scraping(hub: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with its configuration, rules included, of docker-compose.yml."""
    folder = tmp_path_factory.mktemp("prometheus")
    with _prometheus(folder, {"sidekick:2801": f"127.0.0.1:{hub.port}", "15s": "1s"}) as found:
        yield found


@contextmanager
def _prometheus(folder: Path, instead: Mapping[str, str]) -> Iterator[Prometheus]:
    program = places.program("prometheus")
    if program is None:
        raise NotStarted("Prometheus is not installed: run tests/servers/install.py")
    shutil.copytree(ROOT / "config" / "prometheus", folder / "etc")
    file = folder / "etc" / "prometheus.yml"
    text = file.read_text()
    for there, here in instead.items():
        assert there in text
        text = text.replace(there, here)
    file.write_text(text)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [program, f"--config.file={file}", f"--storage.tsdb.path={folder}"]
    with running(
        [*command, f"--web.listen-address=127.0.0.1:{port}"], folder, lambda: is_ready(url)
    ):
        yield Prometheus(url)


def test_prometheus_counts_it(scraping: Prometheus) -> None:
    scraping.wait(f'sidekick_alerts_total{{job="sidekick", rule="{RULE}"}} >= 1')


def test_prometheus_judges_it_by_every_rule(scraping: Prometheus) -> None:
    scraping.wait("up")
    groups = scraping.ask("rules")["groups"]
    written = [
        rule
        for file in (ROOT / "config" / "prometheus").glob("*.rules.yaml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]

    assert sum(len(group["rules"]) for group in groups) == len(written)
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}


async def test_grafanas_sources_answer_what_it_asks(
    hub: System, scraping: Prometheus, elasticsearch_server: Elasticsearch
) -> None:
    file = ROOT / "config" / "grafana" / "provisioning" / "datasources" / "sidekick.yaml"
    sources = {one["type"]: one for one in yaml.safe_load(file.read_text())["datasources"]}
    assert set(sources) == {"prometheus", "elasticsearch"}
    assert scraping.query("1+1")  # its check of the data source

    wanted = sources["elasticsearch"]["jsonData"]
    url = f"{elasticsearch_server.url}/{wanted['index']}"
    await until(lambda: hits(f"{url}/_search", {}), 20)
    for properties in ask(f"{url}/_mapping").values():
        kind = properties["mappings"]["properties"][wanted["timeField"]]["type"]
        assert kind in ("date", "date_nanos")


async def test_grafanas_documents_show_it(hub: System, elasticsearch_server: Elasticsearch) -> None:
    url = f"{elasticsearch_server.url}/{TOPIC}-*/_search"
    targets = [one for panel in panels(read(FOLDER / "documents.json")) for one in panel["targets"]]
    assert len(targets) == 2
    for target in targets:
        body = _search(target)
        await until(partial(hits, url, body), 20)
        answer = ask(url, body)
        if "aggs" in body:
            (found,) = answer["aggregations"].values()
            assert "Notice" in {bucket["key"] for bucket in found["buckets"]}


def _search(target: Mapping[str, Any]) -> dict[str, Any]:
    """The search of a panel, as Grafana makes it of the panel's query."""
    body: dict[str, Any] = {"query": {"query_string": {"query": "*"}}}
    inner = body
    for group in target["bucketAggs"]:
        settings = {"fixed_interval": "1m"} if group["type"] == "date_histogram" else {"size": 8}
        inner["aggs"] = {group["id"]: {group["type"]: {"field": group["field"], **settings}}}
        inner = inner["aggs"][group["id"]]
    return body
