"""Lines: byte for byte what Falco prints."""

from __future__ import annotations

import json

import pytest

from sidekick.model import Alert, Priority
from sidekick.rules.line import JsonParts, json_line, message, text_line

ALERT = Alert(
    rule="A rule",
    priority=Priority.INFORMATIONAL,
    source="syscall",
    time="2023-11-14T22:13:20.123456789Z",
    time_ns=1_700_000_000_123_456_789,
    fields={"evt.time": 1_700_000_000_123_456_789, "fd.name": None},
    fields_json=b'{"evt.time":1700000000123456789,"fd.name":null}',
    output="22:13:20.123456789: Informational it says: Informational \x7f/é\x01",
    hostname="node-1",
    tags=("a", "b"),
)


def test_json_has_falcos_keys_in_falcos_order() -> None:
    assert json_line(ALERT).decode() == (
        '{"hostname":"node-1",'
        '"output":"22:13:20.123456789: Informational it says: Informational \x7f/é\\u0001",'
        '"output_fields":{"evt.time":1700000000123456789,"fd.name":null},'
        '"priority":"Informational","rule":"A rule","source":"syscall","tags":["a","b"],'
        '"time":"2023-11-14T22:13:20.123456789Z"}'
    )


@pytest.mark.parametrize(
    ("parts", "without", "added"),
    [
        (JsonParts(output=False), {"output"}, set()),
        (JsonParts(tags=False), {"tags"}, set()),
        (JsonParts(output_fields=False), {"output_fields"}, set()),
        (JsonParts(message=True), set(), {"message"}),
    ],
)
def test_parts_can_be_chosen(parts: JsonParts, without: set[str], added: set[str]) -> None:
    usual = set(json.loads(json_line(ALERT)))
    assert set(json.loads(json_line(ALERT, parts))) == usual - without | added


def test_the_message_has_no_time_and_no_priority() -> None:
    assert message(ALERT) == "it says: Informational \x7f/é\x01"


def test_text_steers_no_terminal() -> None:
    assert text_line(ALERT).decode() == (
        "22:13:20.123456789: Informational it says: Informational \\u007f/é\\u0001"
    )
