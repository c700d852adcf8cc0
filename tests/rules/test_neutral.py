"""Events as JSON: what values may look like, and what is told of those that are none."""

from __future__ import annotations

from typing import Any

import pytest

from sidekick.rules.compile import compile_condition
from sidekick.rules.event_types import PLUGIN_EVENT
from sidekick.rules.falco_fields import FALCO_FIELDS, SOURCES
from sidekick.rules.neutral import BadEvent, NeutralEvent, read_event, unknown_fields


def event(fields: dict[str, Any] | None = None, **keys: Any) -> NeutralEvent:
    return read_event({"type": "open", "fields": fields or {}, **keys}, 7, SOURCES)


@pytest.mark.parametrize(
    ("key", "given", "value"),
    [
        ("proc.name", "cat", "cat"),
        ("proc.name", 5, "5"),
        ("proc.name", True, "true"),
        ("proc.args", ["-c", "ls"], "-c ls"),
        ("proc.name", None, None),
        ("fd.num", 3, 3),
        ("fd.num", -1, -1),
        ("fd.num", 3.0, 3),
        ("fd.num", "0x10", 16),
        ("fd.num", " 4 ", 4),
        ("fd.sport", "https", 443),
        ("evt.is_open_read", True, True),
        ("evt.is_open_read", "false", False),
        ("evt.is_open_read", 1, True),
        ("evt.buffer", "abc", b"abc"),
        ("evt.buffer", "\u00ca\u00fe", b"\xca\xfe"),
        ("evt.buffer", "0xcafe", b"\xca\xfe"),
        ("evt.buffer", [202, 254], b"\xca\xfe"),
        ("evt.buffer", "\u20ac", "€".encode()),
        ("fd.ip", "10.0.0.1", ["10.0.0.1"]),
        ("fd.ip", ["10.0.0.1", None], ["10.0.0.1"]),
        ("proc.aname", "sshd", ["sshd"]),
        ("proc.aname", [], None),
        ("proc.aname[2]", "sshd", "sshd"),
        ("evt.rawarg.x", "5", "5"),
        ("evt.rawarg.x", 5, 5),
        ("evt.rawarg.x", 1.5, 1.5),
        ("thread.cpu", 1.5, 1.5),
        ("thread.cpu", "2.5", 2.5),
        ("thread.cpu", 2, 2),
        ("evt.rawarg.x", 2**70, str(2**70)),
        ("evt.rawarg.x", [1, 2], "1 2"),
        ("jevt.value[/a]", {"b": [1]}, None),
    ],
)
def test_values_become_what_records_hold(key: str, given: Any, value: Any) -> None:
    found = event({key: given}).record[key]
    assert found == value
    assert type(found) is type(value)


def test_audit_fields_are_known_by_their_source() -> None:
    found = read_event(
        {"source": "k8s_audit", "fields": {'jevt.value["/a"]': {"b": [1]}, "ka.verb": "get"}},
        1,
        SOURCES,
    )
    assert found.type == PLUGIN_EVENT
    assert found.record["jevt.value[/a]"] == '{"b":[1]}'
    assert found.record["ka.verb"] == "get"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"fd.num": "abc"}, 'field "fd.num": wanted an integer, found "abc"'),
        ({"fd.num": [1]}, 'field "fd.num": wanted an integer, found [1]'),
        ({"thread.cpu": float("inf")}, "wanted a number"),
        ({"fd.num": 1.5}, "wanted an integer, found 1.5"),
        ({"fd.num": 2**70}, 'field "fd.num": wanted an integer'),
        ({"evt.is_open_read": "maybe"}, 'wanted true or false, found "maybe"'),
        ({"evt.buffer": [256]}, "wanted a text, 0x... or a list of bytes, found [256]"),
    ],
)
def test_a_value_of_another_type_is_named(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadEvent) as caught:
        event(fields)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"time": -1}, '"time": wanted ns since 1970'),
        ({"time": True}, '"time": wanted ns since 1970'),
        ({"time": 10**30}, '"time": wanted ns since 1970'),
        ({"source": 5}, '"source": wanted a text, found 5'),
        ({"type": ["open"]}, '"type": wanted a text, found ["open"]'),
        ({"fields": "x"}, '"fields": wanted an object of fields by name, found "x"'),
    ],
)
def test_what_is_no_event_is_told(keys: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadEvent) as caught:
        read_event({"type": "open", **keys}, 1, SOURCES)
    assert reason in str(caught.value)


def test_little_is_needed() -> None:
    found = read_event({"fields": {"evt.type": "openat"}}, 3, SOURCES)
    assert (found.source, found.type, found.time_ns) == ("syscall", "openat", 0)
    assert found.record["evt.num"] == 3
    empty = read_event({}, 1, SOURCES)
    assert empty.type == ""
    assert empty.record["evt.type"] is None


def test_the_event_itself_has_fields() -> None:
    record = event(time="1700000000000000001").record
    assert record["evt.rawtime"] == 1_700_000_000_000_000_001
    assert record["evt.type"] == "open"
    assert record["evt.source"] == "syscall"
    assert record["evt.num"] == 7
    assert event({"evt.num": 0}).record["evt.num"] == 0


def test_fields_that_no_rule_can_ask_for_are_named() -> None:
    fields = {"proc.nmae": "x", "proc.name": "x", "proc.aname[2]": "x", "evt.arg.flags": "x"}
    assert unknown_fields(fields, FALCO_FIELDS) == ["proc.nmae"]
    assert event(fields).record["proc.nmae"] is None


def test_any_condition_can_be_asked() -> None:
    condition = compile_condition("proc.name = cat and fd.net = 10.0.0.0/8", FALCO_FIELDS)
    assert condition(event({"proc.name": "cat", "fd.cip": "10.1.2.3", "fd.sip": "1.1.1.1"}).record)
