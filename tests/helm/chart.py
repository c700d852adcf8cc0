"""The Helm chart, rendered as its users render it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.servers import places
from tests.servers.unavailable import unavailable

CHART = Path(__file__).parents[2] / "helm" / "sidekick"
RELEASE = "r"
NAME = f"{RELEASE}-sidekick"

Object = dict[str, Any]


class Refused(Exception):
    """What Helm said of the values."""


@cache
def program() -> Path:
    """The path of Helm; without it the test is skipped, in CI it fails."""
    found = places.helm() / "bin" / "helm"
    if not found.exists():
        sentence = "Helm is not installed: run tests/servers/install.py"
        unavailable(sentence)
    return found


def helm(*arguments: str | Path, values: Mapping[str, Any] | None = None) -> str:
    """What a Helm command prints; raises ``Refused`` when it fails."""
    given = [] if values is None else ["--values", "-"]
    done = subprocess.run(
        [program(), *arguments, *given],
        input=yaml.safe_dump(values),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


def render(values: Mapping[str, Any] | None = None, chart: Path = CHART) -> list[Object]:
    """The objects of ``helm template``."""
    return deepcopy(_rendered(json.dumps(values or {}), chart))


@cache
def _rendered(values: str, chart: Path) -> list[Object]:
    given = json.loads(values)
    text = helm("template", RELEASE, chart, "--kube-version", "1.34", values=given)
    return [document for document in yaml.safe_load_all(text) if document]


def one(objects: Sequence[Object], kind: str, name: str = NAME) -> Object:
    """The only object of that kind and name."""
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
    return found


def container(objects: Sequence[Object]) -> Object:
    """The hub's container."""
    (found,) = one(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def variables(objects: Sequence[Object]) -> dict[str, str]:
    """The environment variables that the hub gets from the chart's Secret."""
    found: dict[str, str] = one(objects, "Secret").get("stringData", {})
    return found
