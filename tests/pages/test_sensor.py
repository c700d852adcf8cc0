"""The sensor's page: its rights, its losses and its acts are those that there are."""

from __future__ import annotations

import re

import yaml

from sidekick.acts import all_acts
from sidekick.sensor import privileges
from sidekick.sensor.config import SensorConfig
from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "sensor.md").read_text()


def test_it_names_the_rights_that_the_chart_gives() -> None:
    values = yaml.safe_load((ROOT / "helm" / "sidekick" / "values.yaml").read_text())["sensor"]
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \|.*\| (.*) \|$", PAGE, re.MULTILINE))

    assert set(rows) == set(values["securityContext"]["capabilities"]["add"])
    kept = {f"CAP_{name}" for name, until in rows.items() if until == "always"}
    assert kept == set(privileges.KEPT)


def test_it_names_every_reason_of_a_loss() -> None:
    code = (ROOT / "sidekick" / "ebpf" / "event.h").read_text()
    (counters,) = re.findall(r"^struct \w*loss\w* \{(.*?)^\};", code, re.MULTILINE | re.DOTALL)
    reasons = re.findall(r"__u64 (\w+);", counters)
    assert "calls_full" in reasons

    told = re.findall(r"^\| `([a-z_ ]+)` \|", PAGE, re.MULTILINE)
    assert set(reasons) | {"process table full", "sender", "simulated"} == set(told)


def test_its_settings_and_acts_are_there() -> None:
    for path in re.findall(r"`sensor\.([a-z_.]+)`", PAGE):
        name = path.partition(".")[0]
        assert name in SensorConfig.model_fields or name == "enabled", path
    for acts in re.findall(r"acts run ([a-z -]+)", PAGE):
        assert set(acts.split()) <= set(all_acts())
