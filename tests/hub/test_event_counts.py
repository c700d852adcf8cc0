"""Alerts by falcosidekick's labels, and that nobody can make more series than allowed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick import metrics
from sidekick.hub.event_counts import DROP_RULE, EventCounts, MetricsConfig
from sidekick.model import Alert, Priority


def alert(rule: str = "Shell", hostname: str = "node-1", **changes: Any) -> Alert:
    given: dict[str, Any] = {"priority": Priority.CRITICAL, "source": "syscall", "fields": {}}
    return Alert(
        rule=rule, hostname=hostname, time="", time_ns=0, fields_json=b"{}", **given | changes
    )


def counts(*alerts: Alert, **config: Any) -> EventCounts:
    counted = EventCounts(MetricsConfig.model_validate(config))
    for one in alerts:
        counted.add(one)
    return counted


def test_an_alert_counts_for_what_it_says() -> None:
    pod = {"k8s.ns.name": "shop", "k8s.pod.name": "cart-1", "proc.name": "sh"}
    counted = counts(alert(fields=pod), alert(fields=pod), alert(hostname=""))
    assert counted.counts == {
        ("node-1", "Shell", Priority.CRITICAL, "syscall", "shop", "cart-1", ()): 2,
        ("unknown", "Shell", Priority.CRITICAL, "syscall", "", "", ()): 1,
    }


@pytest.mark.parametrize("value", [None, 7, ["a"], {"a": 1}, True])
def test_a_label_whose_value_is_no_text_is_empty(value: object) -> None:
    fields = {"k8s.ns.name": value, "k8s.pod.name": value, "own": value}
    (key,) = counts(alert(fields=fields), labels=["own"]).counts
    assert key[4:] == ("", "", ("",))


def test_pods_can_be_left_out() -> None:
    alerts = [alert(fields={"k8s.pod.name": f"pod-{n}"}) for n in range(3)]
    assert list(counts(*alerts, pods=False).counts.values()) == [3]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (["container.id", "proc.aname[2]"], ("container_id", "proc_aname_2_")),
        (["k8s.ns.name", "rule", "a.b", "a_b"], ("a_b",)),
        (["0day", "é"], ("_0day", "_")),
    ],
)
def test_fields_become_labels_with_names_that_prometheus_takes(
    fields: list[str], names: tuple[str, ...]
) -> None:
    assert counts(labels=fields).names == names


def test_beyond_its_bound_the_rule_and_the_priority_are_still_told() -> None:
    before = metrics.overflow._value.get()
    pods = [alert(fields={"k8s.pod.name": f"pod-{n}"}) for n in range(10)]
    counted = counts(*pods, alert("Other rule"), pods[0], series=4)
    assert counted.by_rule() == {
        ("Shell", Priority.CRITICAL, "syscall"): 11,
        ("Other rule", Priority.CRITICAL, "syscall"): 1,
    }
    assert ("other", "Shell", Priority.CRITICAL, "syscall", "other", "other", ()) in counted.counts
    assert metrics.overflow._value.get() - before == 7


@given(
    st.lists(
        st.builds(
            alert,
            st.text(max_size=3),
            st.text(max_size=600),
            priority=st.sampled_from(Priority),
            source=st.text(max_size=3),
            fields=st.dictionaries(st.sampled_from(["k8s.pod.name", "own"]), st.text(max_size=600)),
        )
    )
)
def test_every_alert_counts_once_and_texts_are_bounded(alerts: list[Alert]) -> None:
    counted = counts(*alerts, labels=["own"], series=3)
    assert sum(counted.counts.values()) == sum(counted.by_rule().values()) == len(alerts)
    assert all(len(key[0]) <= 256 and len(key[6][0]) <= 256 for key in counted.counts)


def test_made_up_rules_make_no_more_than_508_further_series() -> None:
    alerts = [alert(f"rule {n}", f"host {n}", source=f"source {n}") for n in range(2000)]
    counted = counts(*alerts, series=10)
    assert len(counted.counts) == 10 + 500 + 1
    assert sum(counted.counts.values()) == 2000


@pytest.mark.parametrize(
    ("told", "count"),
    [("7", 7), (7, 7), (0, 0), ("-7", 0), (-7, 0), (True, 0), (None, 0), ("²", 0), ("9" * 99, 0)],
)
def test_lost_events_are_summed_as_far_as_alerts_tell(told: object, count: int) -> None:
    drops = alert(DROP_RULE, fields={"n_drops": told})
    assert counts(drops, drops, alert(fields={"n_drops": 5})).drops == 2 * count
