"""falcosidekick's metrics as text, read again by the client library's own parsers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from sidekick import metrics
from sidekick.hub.event_counts import DROP_RULE, EventCounts, MetricsConfig
from sidekick.hub.exposed import Exposed
from sidekick.hub.view import LaneStatus
from sidekick.web.health import exposition
from tests.hub.test_event_counts import alert

ODD = 'a "quoted"\nand \\ one'


def lane(name: str, type_: str, **counts: int) -> LaneStatus:
    known: dict[str, Any] = {"depth": 0, "oldest_age_secs": 0.0, "in_flight": 0, "delivered": 0}
    known |= {"retried": 0, "dead": 0}
    return LaneStatus(name=name, type=type_, state="running", **known | counts)


LANES = [
    lane("chat", "slack", delivered=3, retried=2, dead=1),
    lane("more", "slack", delivered=4),
    lane("archive", "s3", delivered=5),
]


def exposed(old_names: bool = False) -> Exposed:
    events = EventCounts(MetricsConfig(labels=("own.field",)))
    for fields in ({"k8s.ns.name": "shop", "own.field": "x"}, {"k8s.ns.name": ODD}):
        events.add(alert(fields=fields))
    events.add(alert(DROP_RULE, fields={"n_drops": "9"}))
    return Exposed(events, lambda: LANES, old_names)


def samples(families: Iterable[Metric]) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


@pytest.fixture(params=["text", "openmetrics"])
def told(request: pytest.FixtureRequest) -> dict[str, list[tuple[dict[str, str], float]]]:
    """All that a scrape gets, sidekick's own metrics too."""
    accept = "application/openmetrics-text" if request.param == "openmetrics" else "text/plain"
    body, content_type = exposition(metrics.REGISTRY, exposed(True).text)(accept)
    assert request.param in content_type or "text/plain" in content_type
    read = read_open if request.param == "openmetrics" else read_text
    return samples(read(body.decode()))


Told = dict[str, list[tuple[dict[str, str], float]]]


def test_an_alert_has_falcosidekicks_labels(told: Told) -> None:
    first, second, _ = told["falcosecurity_falcosidekick_falco_events_total"]
    labels = {
        "hostname": "node-1",
        "rule": "Shell",
        "priority": "6",
        "priority_raw": "critical",
        "source": "syscall",
        "k8s_ns_name": "shop",
        "k8s_pod_name": "",
        "own_field": "x",
    }
    assert first == (labels, 1)
    assert second == (labels | {"k8s_ns_name": ODD, "own_field": ""}, 1)


def test_lanes_of_one_type_are_one_destination(told: Told) -> None:
    found = {
        tuple(labels.values()): n for labels, n in told["falcosecurity_falcosidekick_outputs_total"]
    }
    assert found == {
        ("slack", "ok"): 7,
        ("slack", "error"): 3,
        ("awss3", "ok"): 5,
        ("awss3", "error"): 0,
    }


def test_requests_are_told_from_the_start(told: Told) -> None:
    found = [labels for labels, _ in told["falcosecurity_falcosidekick_inputs_total"]]
    for status in ("accepted", "rejected"):
        assert {"source": "requests", "status": status} in found


def test_the_rules_of_the_guide_find_their_metrics(told: Told) -> None:
    labels = {"priority": "Critical", "rule": "Shell", "source": "syscall"}
    assert (labels, 2) in told["falco_events_total"]
    assert told["falco_evts_drop_total"] == [({}, 9)]


def test_sidekicks_own_metrics_are_told_beside_them(told: Told) -> None:
    assert "sidekick_alerts_silenced_total" in told


def test_older_names_are_told_when_they_are_wanted(told: Told) -> None:
    for old, new in (("falco_events", "falco_events"), ("falcosidekick_inputs", "inputs")):
        assert told[old] == told[f"falcosecurity_falcosidekick_{new}_total"]
    assert b"falcosidekick_outputs{" not in exposed().text(False).replace(
        b"security_falcosidekick_", b""
    )
