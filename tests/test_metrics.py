from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

import sidekick
from sidekick import metrics

BOUNDED = {
    *("source", "status", "reason", "priority", "rule", "kind", "place", "lane", "outcome"),
    *("namespace", "node", "type"),
}


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


def test_a_lanes_histogram_counts_and_carries_the_last_alert_of_each_bucket() -> None:
    histogram = metrics.LaneHistogram("sidekick_of_this_test_seconds", "A test.", (0.1, 1.0))
    try:
        lane = histogram.labels("a")
        for seconds in (0.05, 0.1, 0.5, 7.0):
            lane.observe(seconds)
        lane.observe_alert(0.6, "the-id", 1_700_000_000.0)
        (family,) = histogram.collect()
        found = {
            (one.name.rpartition("_")[2], one.labels.get("le")): one.value for one in family.samples
        }
        assert found[("bucket", "0.1")] == 2
        assert found[("bucket", "1.0")] == 4
        assert found[("bucket", "+Inf")] == found[("count", None)] == 5
        assert found[("sum", None)] == 8.25
        text = openmetrics.generate_latest(metrics.REGISTRY).decode()  # type: ignore[no-untyped-call]
        assert '# {alert_id="the-id"} 0.6 1700000000.0' in text
    finally:
        metrics.REGISTRY.unregister(histogram)
