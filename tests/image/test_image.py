"""The image that the Dockerfile makes: what is in it, and the hub at work in it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.container import Container, container
from tests.image.engine import IMAGE, ROOT, Engine
from tests.servers.answering import answering
from tests.servers.compose import configuration
from tests.servers.elasticsearch import Elasticsearch
from tests.servers.kafka import Kafka
from tests.servers.s3 import S3
from tests.web.listening import alert

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ALERTS = 2000
MIB = 2**20


def pins(file: str) -> dict[str, str]:
    """The distributions of a lock file with their versions."""
    found = re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", (ROOT / file).read_text(), re.MULTILINE)
    return dict(found)


def test_the_image_has_the_versions_that_are_tested() -> None:
    tested = pins("requirements.lock")

    assert {name: tested[name] for name in pins("requirements.image.lock")} == pins(
        "requirements.image.lock"
    )


@pytest.fixture(scope="module")
def bill(docker: Engine) -> dict[str, Any]:
    """The bill of materials in the image."""
    read = ("--entrypoint=cat", IMAGE, "/opt/sidekick/sbom.cdx.json")
    text = docker("run", "--rm", "--network=none", *read)
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_bill_of_materials_names_all_that_is_in_it(
    docker: Engine, bill: dict[str, Any]
) -> None:
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "sidekick"
    urls = {one["purl"].partition("?")[0] for one in bill["components"]}
    locked = pins("requirements.image.lock").items()
    there = {f"pkg:pypi/{name}@{version}" for name, version in locked}
    # Only for other versions of Python or other systems:
    assert len(there - urls) <= 3, there - urls
    names = {one["name"] for one in bill["components"]}
    assert {"python3.11", "ca-certificates", "libc6"} <= names


def test_it_is_small(docker: Engine, record_property: Any) -> None:
    size = int(docker("image", "inspect", "--format", "{{.Size}}", IMAGE))
    added = (size - docker.base_bytes) / MIB
    record_property("MiB over the base image", round(added))

    assert added < 170


def test_nothing_in_it_gives_rights(docker: Engine) -> None:
    find = ["find", "/opt", "/usr/local", "/etc/sidekick", "/var/lib/sidekick"]
    writable = docker(
        *("run", "--rm", "--network=none", f"--entrypoint={find[0]}", IMAGE, *find[1:]),
        *("-perm", "/6002", "-not", "-type", "l"),
    )
    assert writable == ""
    assert docker("image", "inspect", "--format", "{{.Config.User}}", IMAGE) == "1234:1234"


@pytest.fixture(scope="module")
def hub(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A hub without a destination."""
    folder = tmp_path_factory.mktemp("hub")
    with container(docker, folder, {"sinks": {"out": {"type": "stdout"}}}) as found:
        yield found


def test_it_has_no_rights_and_needs_none(hub: Container) -> None:
    status = hub.status()

    assert status["Uid"].split() == ["1234"] * 4
    assert [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")] == [0] * 4
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "Read-only file system" in hub.run("touch", "/opt/sidekick/x", check=False)


def test_it_starts_soon_and_small(hub: Container, record_property: Any) -> None:
    assert hub.post(alert("Shell")) == 200
    record_property("seconds from docker run to the first answer", round(hub.started_secs, 2))
    record_property("MiB idle", round(hub.rss_mib, 1))

    assert hub.started_secs < 10
    assert hub.rss_mib < 64


def test_its_commands_work_in_it(hub: Container) -> None:
    hub.post(alert("Steal", priority="Critical"))

    assert "Steal" in hub.run("sidekick", "search", "alert.priority = critical", "--since", "1h")
    assert "out" in hub.run("sidekick", "lanes")
    assert "no faults" in hub.run("sidekick", "check", "-c", "/etc/sidekick/sidekick.yaml")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_five_destinations_get_everything_within_the_memory(
    docker: Engine,
    tmp_path: Path,
    record_property: Any,
    kafka_server: Kafka,
    elasticsearch_server: Elasticsearch,
    s3_server: S3,
) -> None:
    client = s3_server.client()
    client.create_bucket(Bucket="security-alerts")
    client.close()
    with answering(200) as port:
        config = {"sinks": five(port, kafka_server, elasticsearch_server, s3_server)}
        with container(docker, tmp_path, config) as hub:
            record_property("MiB idle with five sinks", round(hub.rss_mib, 1))
            lines = b"\n".join(alert(f"Rule {n}", hostname="a" * 500) for n in range(ALERTS))
            assert hub.post(lines, "/v1/alerts") == 200
            delivered: dict[str, int] = {}
            deadline = time.monotonic() + 60
            while any(count < ALERTS for count in delivered.values()) or len(delivered) < 5:
                assert time.monotonic() < deadline, (delivered, docker("logs", hub.id))
                time.sleep(0.1)  # what is looked at all the time has no time to deliver
                delivered = hub.delivered()
            record_property("MiB with five sinks at work", round(hub.rss_mib, 1))

            assert hub.rss_mib < 160
            assert docker("inspect", "--format", "{{.State.OOMKilled}}", hub.id) == "false"
            docker("stop", "--time=20", hub.id)
            assert docker("inspect", "--format", "{{.State.ExitCode}}", hub.id) == "0"


def five(port: int, kafka: Kafka, elasticsearch: Elasticsearch, s3: S3) -> dict[str, Any]:
    """The destinations of docker-compose.yml at their places here, and two over plain HTTP."""
    sinks: dict[str, Any] = configuration(kafka, elasticsearch, s3)["sinks"]
    sinks["archive"] |= {"access_key_id": s3.access_key, "secret_access_key": s3.secret_key}
    sinks["archive"]["lane"]["batch_age"] = "1s"
    sinks["webhook"] = {"type": "webhook", "url": f"http://127.0.0.1:{port}/"}
    del sinks["out"]
    return sinks | {"loki": {"type": "loki", "url": f"http://127.0.0.1:{port}"}}
