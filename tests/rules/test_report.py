"""Alerts for events whose record holds what is no value of its field: told as well as can be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidekick.rules.compile import Record
from sidekick.rules.engine import Engine, EngineConfig
from tests.rules.rule_texts import rule, rules


def alert(record: dict[str, Any], output: str) -> tuple[str, dict[str, Any]]:
    """(message, output_fields) of a rule that matches everything."""
    engine = Engine(rules(rule("A", "evt.type = open", output)), EngineConfig(append_output=()))
    (found,) = engine.alerts("syscall", "open", Record(record), 5)
    fields = json.loads(found.fields_json)
    assert fields.pop("evt.time") == 5
    assert found.fields == {**fields, "evt.time": 5}
    return found.output.partition(": Warning ")[2], fields


@pytest.mark.parametrize(
    ("field", "value", "shown", "typed"),
    [
        ("proc.name", "a\udcffb", "a\ufffdb", "a\ufffdb"),
        ("proc.aname", ["\udcff"], "\ufffd", "\ufffd"),
        ("proc.name", 5, "5", 5),
        ("proc.name", object, "<class 'object'>", "<class 'object'>"),
        ("fd.num", 2**70, str(2**70), 2**70),
        ("fd.sip", b"\0\0\0", r"b'\x00\x00\x00'", r"b'\x00\x00\x00'"),
        ("fd.types", 5, "5", "5"),
        ("fd.types", ["\udcff", "b"], "(\ufffd,b)", ["\ufffd", "b"]),
    ],
)
def test_no_value_costs_an_alert(field: str, value: Any, shown: str, typed: Any) -> None:
    assert alert({field: value}, f"%{field}") == (shown, {field: typed})


def test_the_fields_are_in_the_order_of_their_names() -> None:
    engine = Engine(
        rules(rule("A", "evt.type = open", "%proc.name %fd.num %evt.type")),
        EngineConfig(append_output=()),
    )
    (found,) = engine.alerts("syscall", "open", Record({}), 5)
    assert list(found.fields) == ["evt.time", "evt.type", "fd.num", "proc.name"]
