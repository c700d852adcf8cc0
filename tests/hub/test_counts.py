from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import Counter, Gauge

from sidekick import metrics
from sidekick.heartbeat import Heartbeat
from sidekick.hub import counts
from sidekick.hub.counts import AlertCounts
from sidekick.model import Alert, Assessment, Priority

FIRST, REPEAT, DIGEST = (Assessment(fingerprint="f", kind=k) for k in ("first", "repeat", "digest"))
SECOND = 1_000_000_000


def alert(rule: str = "Shell", hostname: str = "", **fields: Any) -> Alert:
    named = {key.replace("_", "."): value for key, value in fields.items()}
    return Alert(
        rule=rule,
        priority=Priority.CRITICAL,
        source="syscall",
        time="2026-01-02T03:04:05Z",
        time_ns=0,
        fields=named,
        fields_json=b"{}",
        hostname=hostname,
    )


def count(counted: AlertCounts, one: Alert, assessment: Assessment, now_ns: int) -> None:
    counted.add(one, assessment, now_ns)
    counted.tell()


def values(metric: Counter | Gauge, **labels: str) -> list[float]:
    """The values of the series that have these labels."""
    return [
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if labels.items() <= sample.labels.items() and not sample.name.endswith("_created")
    ]


def test_an_alert_counts_for_its_rule_its_kind_and_its_namespace() -> None:
    counted = AlertCounts()
    for _ in range(2):
        count(counted, alert("Counted twice", k8s_ns_name="counted"), FIRST, 0)

    rule = values(metrics.alerts, rule="Counted twice", priority="Critical", source="syscall")
    assert rule == [2.0]
    assert values(metrics.namespace_alerts, namespace="counted", priority="Critical") == [2.0]


def test_what_a_silence_held_back_is_counted() -> None:
    (before,) = values(metrics.silenced)
    count(AlertCounts(), alert(), Assessment(fingerprint="f", silenced_by="node-upgrades"), 0)
    count(AlertCounts(), alert(), FIRST, 0)

    assert values(metrics.silenced) == [before + 1]


def test_an_audit_alert_counts_for_the_namespace_of_its_object() -> None:
    count(AlertCounts(), alert(ka_target_namespace="audited"), FIRST, 0)

    assert values(metrics.namespace_alerts, namespace="audited") == [1.0]


@pytest.mark.parametrize("value", [None, "", 7, ["a"], {"a": 1}])
def test_what_is_no_name_is_no_namespace(value: object) -> None:
    before = values(metrics.namespace_alerts)
    count(AlertCounts(), alert(k8s_ns_name=value), FIRST, 0)

    assert values(metrics.namespace_alerts) == before


def test_a_node_was_seen_when_its_last_alert_came() -> None:
    counted = AlertCounts()
    count(counted, alert(hostname="seen"), FIRST, 5 * SECOND)
    count(counted, alert(hostname="seen"), REPEAT, 9 * SECOND)
    count(counted, alert(hostname="seen"), DIGEST, 99 * SECOND)  # of alerts of long ago
    assert values(metrics.node_seen, node="seen") == []
    counted.set_gauges()

    assert values(metrics.node_seen, node="seen") == [9.0]


def test_a_heartbeat_is_told_from_an_alert() -> None:
    counted = AlertCounts()
    count(counted, alert(hostname="beating"), FIRST, 5 * SECOND)
    count(counted, alert("Falco internal: metrics snapshot", "beating"), FIRST, 6 * SECOND)
    counted.set_gauges()

    assert values(metrics.node_seen, node="beating", kind="alert") == [5.0]
    assert values(metrics.node_seen, node="beating", kind="heartbeat") == [6.0]


def test_a_sensor_that_says_it_is_there_was_heard_and_how_often_it_will_be() -> None:
    counted = AlertCounts()
    counted.heard(Heartbeat("with a sensor", 30), 7 * SECOND)
    count(counted, alert(hostname="with a sensor"), FIRST, 9 * SECOND)
    counted.set_gauges()

    assert values(metrics.node_seen, node="with a sensor", kind="heartbeat") == [7.0]
    assert values(metrics.node_seen, node="with a sensor", kind="alert") == [9.0]
    assert values(metrics.node_interval, node="with a sensor") == [30.0]


def test_whatever_senders_write_the_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("RULES_LIMIT", "NODES_LIMIT", "NAMESPACES_LIMIT"):
        monkeypatch.setattr(counts, limit, 5)
    counted = AlertCounts()
    for number in range(100):
        made_up = f"made up {number}"
        count(counted, alert(made_up, made_up, k8s_ns_name=made_up), FIRST, SECOND)
        counted.heard(Heartbeat(made_up), SECOND)
    counted.set_gauges()

    for metric, label in (
        (metrics.alerts, "rule"),
        (metrics.namespace_alerts, "namespace"),
        (metrics.node_seen, "node"),
        (metrics.node_interval, "node"),
    ):
        names = {s.labels[label] for family in metric.collect() for s in family.samples}
        assert len({name for name in names if name.startswith("made up")}) == 5, label
        assert metrics.OTHER in names, label
    assert len(counted._by_rule) <= 8 * 5
