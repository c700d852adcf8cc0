from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

import sidekick
from sidekick import metrics

BOUNDED = {"source", "status", "reason", "priority", "rule", "kind", "place", "lane"}


@given(st.integers(0, 5), st.lists(st.text(max_size=3), max_size=60))
def test_a_label_takes_so_many_values_and_then_other(limit: int, values: list[str]) -> None:
    bounded = metrics.Bounded(limit)
    shown = [bounded(value) for value in values]
    assert len(set(shown) - {metrics.OTHER}) <= limit
    first_seen = list(dict.fromkeys(values))[:limit]
    for value, label in zip(values, shown, strict=True):
        assert label == (value if value in first_seen else metrics.OTHER)


def test_every_metric_has_a_name_of_ours_a_sentence_and_known_labels() -> None:
    names = []
    for collector in list(metrics.REGISTRY._collector_to_names):
        for metric in collector.describe() if hasattr(collector, "describe") else ():
            names.append(metric.name)
            assert metric.name.startswith("sidekick_")
            assert metric.documentation.endswith(".")
        assert set(getattr(collector, "_labelnames", ())) <= BOUNDED
    assert len(names) == len(set(names)) > 10


def test_the_reasons_of_a_loss_in_the_help_are_those_in_the_code() -> None:
    source = "".join(p.read_text() for p in Path(sidekick.__file__).parent.rglob("*.py"))
    used = set(re.findall(r'metrics\.lost\.labels\(\s*"([^"]+)"', source))
    documented = metrics.lost._documentation.rpartition("reason: ")[2].rstrip(".").split(", ")
    assert used == set(documented)


def test_the_exposition_can_be_read_by_prometheus() -> None:
    text = generate_latest(metrics.REGISTRY).decode()
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .+|\w+(\{(\w+="[^"]*",?)+\})? \S+', line), line
