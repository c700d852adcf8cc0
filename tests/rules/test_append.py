"""What is added to outputs, by rule, source and tags."""

from __future__ import annotations

from typing import Any

import pytest

from sidekick.model import Alert
from sidekick.rules.append import AppendOutput, with_static
from sidekick.rules.compile import Record
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.event_types import PLUGIN_EVENT
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.load import load
from sidekick.rules.output import OutputError
from tests.rules.rule_texts import rule, rules

RULES = (
    rule("A", "evt.type = open", "a %proc.name", tags="[x, y]"),
    rule("B", "evt.type = close", "b"),
    rule("C", "ka.verb exists", "c %ka.verb", source="k8s_audit"),
)


def alerts(*additions: AppendOutput, static: dict[str, str] | None = None) -> dict[str, Alert]:
    config = EngineConfig(append_output=additions, static_fields=static or {})
    engine = Engine(rules(*RULES), config)
    record = Record({"proc.name": "cat", "ka.verb": "get", "user.uid": 0, "container.id": "host"})
    found = [
        *engine.alerts("syscall", "open", record, 1),
        *engine.alerts("syscall", "close", record, 1),
        *engine.alerts("k8s_audit", PLUGIN_EVENT, record, 1),
    ]
    assert len(found) == 3
    return {alert.rule: alert for alert in found}


def message(alert: Alert) -> str:
    return alert.output.partition(": Warning ")[2]


@pytest.mark.parametrize(
    ("addition", "outputs"),
    [
        (
            AppendOutput(output="uid=%user.uid", source="syscall"),
            ("a cat uid=0", "b uid=0", "c get"),
        ),
        (AppendOutput(output="!", rule="A"), ("a cat !", "b", "c get")),
        (AppendOutput(output="!", rule="a"), ("a cat", "b", "c get")),
        (AppendOutput(output="!", tags=frozenset("xy")), ("a cat !", "b", "c get")),
        (AppendOutput(output="!", tags=frozenset("xz")), ("a cat", "b", "c get")),
        (AppendOutput(output="!", rule="B", source="k8s_audit"), ("a cat", "b", "c get")),
        (AppendOutput(output="!"), ("a cat !", "b !", "c get !")),
    ],
)
def test_text_is_added_to_the_rules_it_is_for(
    addition: AppendOutput, outputs: tuple[str, ...]
) -> None:
    assert tuple(map(message, alerts(addition).values())) == outputs


def test_additions_add_up_in_their_order() -> None:
    assert message(alerts(AppendOutput(output="1"), AppendOutput(output="2"))["B"]) == "b 1 2"


def test_by_default_the_container_is_told_for_system_calls() -> None:
    found = alerts(AppendOutput(suggested=True))
    assert message(found["B"]) == (
        "b container_id=host container_name=<NA> container_image_repository=<NA> "
        "container_image_tag=<NA> k8s_pod_name=<NA> k8s_ns_name=<NA>"
    )
    assert found["B"].fields["container.id"] == "host"
    assert found["B"].fields["k8s.ns.name"] is None
    assert message(found["C"]) == "c get"


def test_fields_are_added_to_the_fields_alone() -> None:
    fields = {"user.uid": "", "who": "user %user.uid", "proc.tty": ""}
    found = alerts(AppendOutput(fields=fields, source="syscall"))
    assert message(found["B"]) == "b"
    added: dict[str, Any] = {"user.uid": 0, "who": "user 0", "proc.tty": None, "evt.time": 1}
    assert found["B"].fields == added
    assert found["C"].fields == {"ka.verb": "get", "evt.time": 1}


def test_static_fields_are_suggested_for_all_sources() -> None:
    found = alerts(AppendOutput(suggested=True), static={"env": "prod"})
    assert message(found["C"]) == "c get static_env=prod"
    assert found["B"].fields["static.env"] == "prod"
    silent = alerts(AppendOutput(fields={"static.env": ""}), static={"env": "prod"})
    assert message(silent["C"]) == "c get"
    assert silent["C"].fields["static.env"] == "prod"


@pytest.mark.parametrize(
    "addition",
    [
        AppendOutput(output="%no.such"),
        AppendOutput(output="%"),
        AppendOutput(fields={"no.such": ""}),
        AppendOutput(fields={"x": "%no.such"}),
    ],
)
def test_what_does_not_compile_is_refused(addition: AppendOutput) -> None:
    with pytest.raises(OutputError) as caught:
        alerts(AppendOutput(suggested=True), addition)
    assert str(caught.value).startswith("append_output[1], for syscall: ")


def test_static_fields_are_known_to_conditions_that_load_with_them() -> None:
    condition = "evt.type = open and static.env = prod and toupper(static.env) = val(proc.name)"
    sources = with_static(SOURCES, ["env"])
    found = load([("1.yaml", rule("A", condition, "%static.env"))], sources=sources)
    assert found.ok
    for env, count in (("prod", 1), ("test", 0)):
        engine = Engine(found, EngineConfig(append_output=(), static_fields={"env": env}))
        record = Record({"proc.name": "PROD"})
        assert len(engine.alerts("syscall", "open", record, 1)) == count
