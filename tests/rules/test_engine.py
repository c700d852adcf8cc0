"""The engine: which rules an event meets, in which order, and what happens to a bad record."""

from __future__ import annotations

import pytest

from sidekick.model import Priority
from sidekick.rules.compile import Record
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.event_types import PLUGIN_EVENT
from tests.rules.rule_texts import rule, rules

TWO = (
    rule("A file", "evt.type in (open, openat) and fd.name = /a"),
    rule("Any open", "evt.type = openat", priority="NOTICE"),
)
NOON = 1_700_000_000_123_456_789


def names(engine: Engine, type_: str, source: str = "syscall", **fields: object) -> list[str]:
    record = Record({key.replace("__", "."): value for key, value in fields.items()})
    return [alert.rule for alert in engine.alerts(source, type_, record, NOON)]


def test_the_first_rule_in_load_order_wins() -> None:
    engine = Engine(rules(*TWO))
    assert names(engine, "openat", fd__name="/a") == ["A file"]
    assert names(engine, "openat", fd__name="/b") == ["Any open"]
    assert names(engine, "open", fd__name="/b") == []


def test_all_rules_can_be_asked_for() -> None:
    engine = Engine(rules(*TWO), EngineConfig(matching="all"))
    assert names(engine, "openat", fd__name="/a") == ["A file", "Any open"]
    assert names(engine, "open", fd__name="/a") == ["A file"]


def test_a_record_that_lacks_the_field_does_not_match_and_its_negation_does() -> None:
    engine = Engine(
        rules(
            rule("Differs", "evt.type = open and fd.name != /a"),
            rule("Is not", "evt.type = open and not fd.name = /a"),
        ),
        EngineConfig(matching="all"),
    )
    assert names(engine, "open") == ["Is not"]


def test_other_types_other_sources_and_unknown_ones_match_nothing() -> None:
    engine = Engine(rules(*TWO))
    assert names(engine, "connect", fd__name="/a") == []
    assert names(engine, "no_such_call", fd__name="/a") == []
    assert names(engine, "openat", "k8s_audit", fd__name="/a") == []
    assert names(engine, "openat", "elsewhere", fd__name="/a") == []


def test_a_rule_without_types_matches_all_of_them() -> None:
    engine = Engine(rules(rule("Always", "proc.name = cat")))
    assert names(engine, "close", proc__name="cat") == ["Always"]
    assert names(engine, "no_such_call", proc__name="cat") == ["Always"]


def test_rules_of_audit_events_know_no_types() -> None:
    audit = rule("Pod", "ka.verb = create and ka.target.resource = pods", source="k8s_audit")
    engine = Engine(rules(audit, *TWO))
    record = Record({"ka.verb": "create", "ka.target.resource": "pods"})
    (alert,) = engine.alerts("k8s_audit", PLUGIN_EVENT, record, NOON)
    assert (alert.rule, alert.source) == ("Pod", "k8s_audit")
    assert "container" not in alert.output


@pytest.mark.parametrize(
    ("priority", "found"),
    [(Priority.DEBUG, "A file"), (Priority.WARNING, "A file"), (Priority.ERROR, None)],
)
def test_rules_below_the_least_priority_are_left_out(priority: Priority, found: str | None) -> None:
    engine = Engine(rules(*TWO), EngineConfig(priority=priority))
    assert names(engine, "openat", fd__name="/a") == ([found] if found else [])


def test_a_rule_that_is_not_enabled_is_left_out() -> None:
    engine = Engine(rules(rule("Off", "evt.type = open", enabled="false"), *TWO))
    assert [r.name for r in engine.rules] == ["A file", "Any open"]
    assert names(engine, "open", fd__name="/a") == ["A file"]


def test_it_tells_which_events_and_fields_it_needs() -> None:
    engine = Engine(rules(rule("One", "evt.type = open and fd.name = /a", "%proc.name")))
    assert "open" in engine.types("syscall")
    assert "openat" not in engine.types("syscall")
    assert "open" not in engine.types("k8s_audit")
    assert {"fd.name", "proc.name", "container.id"} <= engine.keys("syscall", "open")
    assert engine.keys("syscall", "connect") == frozenset()


@pytest.mark.parametrize("matching", ["first", "all"])
def test_a_value_of_a_wrong_type_spoils_only_the_rules_that_ask_for_it(matching: str) -> None:
    failed: list[str] = []
    engine = Engine(
        rules(
            rule("Starts", "evt.type = open and fd.name startswith /a"),
            rule("Sound", "evt.type = open and proc.name = cat"),
        ),
        EngineConfig(matching="all" if matching == "all" else "first"),
        on_failure=lambda rule, error: failed.append(f"{rule.name}: {type(error).__name__}"),
    )
    assert names(engine, "open", fd__name=7, proc__name="cat") == ["Sound"]
    assert failed == ["Starts: AttributeError"]
    assert names(engine, "open", fd__name="/a", proc__name="cat")[0] == "Starts"
    assert len(failed) == 1


def test_an_alert_has_all_that_falco_says() -> None:
    loud = rule(
        "Loud",
        "evt.type = openat",
        "%proc.name opened %fd.name as %user.uid",
        priority="crit" + "ical",
        tags="[b, a]",
    )
    engine = Engine(rules(loud), EngineConfig(hostname="node-1", append_output=(), iso8601=True))
    (alert,) = engine.alerts("syscall", "openat", Record({"proc.name": "cat", "user.uid": 0}), NOON)
    assert alert.time == "2023-11-14T22:13:20.123456789Z"
    assert alert.time_ns == NOON
    assert alert.output == ("2023-11-14T22:13:20.123456789+0000: Critical cat opened <NA> as 0")
    assert alert.tags == ("a", "b")
    assert alert.hostname == "node-1"
    assert alert.priority is Priority.CRITICAL
    assert alert.fields_json == (
        b'{"evt.time.iso8601":1700000000123456789,"fd.name":null,"proc.name":"cat","user.uid":0}'
    )
    assert alert.fields["user.uid"] == 0


def test_invented_types_do_not_fill_the_memory() -> None:
    engine = Engine(rules(*TWO))
    for number in range(1200):
        assert names(engine, f"call_{number}") == []
    assert len(engine._matchers) == 1000
