"""docker-compose.yml: valid, closed to other machines, and of one piece with what it mounts."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from sidekick.settings import load
from tests.servers import places
from tests.servers.compose import compose_program

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as Compose itself reads the file."""
    options = ["config", "--format", "json"]
    command: list[str | Path] = [compose_program(), "--project-directory", ROOT, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def mounted(service: dict[str, Any], target: str) -> Path:
    """The folder of ours that a service sees there."""
    (found,) = [mount for mount in service["volumes"] if mount["target"] == target]
    assert found["read_only"] is True
    return Path(found["source"])


def read(file: Path) -> dict[str, Any]:
    """A YAML file."""
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


@pytest.mark.servers
def test_nothing_is_open_to_other_machines(services: dict[str, Any]) -> None:
    published = [port for one in services.values() for port in one.get("ports", [])]

    assert len(published) == 5
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


@pytest.mark.servers
def test_every_image_has_a_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if "build" not in service:
            assert re.search(r":v?[A-Z.]*\d[\w.-]+$", service["image"]), name


@pytest.mark.servers
def test_sidekick_has_no_rights(services: dict[str, Any]) -> None:
    found = services["sidekick"]

    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert int(found["mem_limit"]) == 256 * 2**20


@pytest.mark.servers
def test_sidekick_takes_its_configuration(services: dict[str, Any]) -> None:
    found = services["sidekick"]
    file = mounted(found, "/etc/sidekick") / "sidekick.yaml"
    assert f"--config=/etc/sidekick/{file.name}" in found["command"]
    settings = load(file, found["environment"])

    assert settings.warnings == ()
    used = re.findall(r"(\w[\w-]+):\d+", file.read_text())
    assert set(used) <= set(services)  # each destination is there, by its name
    assert (
        found["environment"]["AWS_ACCESS_KEY_ID"]
        == (services["minio"]["environment"]["MINIO_ROOT_USER"])
    )
    bucket = settings.sinks["archive"].model_dump()["bucket"]
    assert f"/data/{bucket} " in services["minio"]["entrypoint"][-1]


@pytest.mark.servers
def test_prometheus_takes_its_configuration(services: dict[str, Any]) -> None:
    promtool = places.program("promtool")
    assert promtool
    file = mounted(services["prometheus"], "/etc/prometheus") / "prometheus.yml"
    command: list[str | Path] = [promtool, "check", "config", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rules found") == 2
    (job,) = read(file)["scrape_configs"]
    assert job["job_name"] == "sidekick"  # what the rules ask for
    (target,) = job["static_configs"][0]["targets"]
    assert target.partition(":")[0] in services


@pytest.mark.servers
def test_grafana_finds_its_dashboards_and_what_they_ask(services: dict[str, Any]) -> None:
    found = services["grafana"]
    provisioning = mounted(found, "/etc/grafana/provisioning")
    (provider,) = yaml.safe_load((provisioning / "dashboards/sidekick.yaml").read_text())[
        "providers"
    ]
    folder = mounted(found, provider["options"]["path"])
    home = found["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (folder / Path(home).name).exists()
    sources = yaml.safe_load((provisioning / "datasources/sidekick.yaml").read_text())[
        "datasources"
    ]
    assert {urlsplit(source["url"]).hostname for source in sources} <= set(services)
    wanted = {
        one["query"]
        for file in folder.glob("*.json")
        for one in json.loads(file.read_text())["templating"]["list"]
        if one["type"] == "datasource"
    }
    assert wanted == {source["type"] for source in sources}
