"""docs/chart.md: every value of falcosidekick's chart, rendered by ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.helm.chart import CHART, render
from tests.helm.values import FALCOSIDEKICK
from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "chart.md").read_text()
NAMED = {
    "": "replicaCount image service ingress httproute serviceMonitor prometheusRules",
    "config.": "existingSecret customfields templatedfields customtags bracketreplacer "
    "outputFieldFormat mutualtlsclient slack.minimumpriority",
    "config.tlsserver.": "deploy mutualtls notlsport notlspaths",
    "grafana.": "dashboards",
    "webui.": "ttl user disableauth redis.storageSize redis.customConfig externalRedis",
}
"""The values that its users set most."""


def rows(heading: str) -> dict[str, str]:
    """What stands in the second column of a table, by each value in the first."""
    table = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| (`.*?`) \| (.*?) \|", table, re.MULTILINE)
    return {name: here for names, here in found for name in re.findall(r"`([^`]+)`", names)}


UPSTREAM = rows("Values of falcosidekick's chart")


def paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every path in values, those of maps in them too."""
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}.")


def is_told(path: str) -> bool:
    """Whether the table has a row for the path, or for what it is beneath."""
    above = {path.rsplit(".", n)[0] for n in range(path.count(".") + 1)}
    return bool(above & set(UPSTREAM))


def test_every_value_that_is_tried_is_told_of() -> None:
    own = rows("What falcosidekick's chart lacks")
    tried = [path for path in paths(FALCOSIDEKICK) if path not in ("config", "config.tlsserver")]
    outputs = [path for path in tried if re.match(r"config\.[a-z]+$", path) and not is_told(path)]
    left = [path for path in tried if not is_told(path)]

    assert len(outputs) >= 5  # `config.<output>` is their row
    assert [path for path in left if not path.startswith(tuple(outputs))] == []
    assert not set(own) & set(UPSTREAM)


def test_every_value_that_is_told_of_is_tried_and_renders() -> None:
    tried = set(paths(FALCOSIDEKICK))

    assert [name for name in UPSTREAM if "<" not in name and name not in tried] == []
    named = {above + name for above, names in NAMED.items() for name in names.split()}
    assert named - tried == set()
    assert len(render(FALCOSIDEKICK)) > 8


@pytest.mark.parametrize("value", [name for name in UPSTREAM if "<" not in name])
def test_a_value_renders_by_itself(value: str) -> None:
    found: Any = FALCOSIDEKICK
    for step in value.split("."):
        found = found[step]
    for step in reversed(value.split(".")):
        found = {step: found}

    assert render(found)


def test_what_is_only_accepted_is_nowhere_in_the_templates() -> None:
    text = "".join(file.read_text() for file in (CHART / "templates").rglob("*.*"))
    accepted = [name for name, here in UPSTREAM.items() if here == "accepted"]

    assert accepted == ["webui", "podSecurityPolicy"]
    assert set(re.findall(r"\.Values\.(webui|podSecurityPolicy)\b[.\w]*", text)) <= {"webui"}


def test_the_values_of_our_own_are_there() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert set(rows("What falcosidekick's chart lacks")) <= set(values)
