"""The canonical JSON, written out: key order, escapes, numbers, time, what is cut."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given

from sidekick.errors import InvalidAlert
from sidekick.model import Envelope
from sidekick.sinks._falcosidekick.payload import canonical, payload
from tests.sinks.falcosidekick.alerts import UUID, bodies, envelope, plain, plain_bodies, sent

START = f'{{"uuid":"{UUID}","output":'


def test_keys_are_in_order_fields_by_name_and_html_is_escaped() -> None:
    one = sent(output="<a> & b\u2028", output_fields={"b": "é", "a": {"d": 1, "c": "<"}})
    assert payload(one).json.decode() == (
        START + r'"\u003ca\u003e \u0026 b\u2028","priority":"Notice",'
        r'"rule":"Terminal shell in container","time":"2026-01-02T10:20:30.5Z",'
        r'"output_fields":{"a":{"c":"\u003c","d":1},"b":"é"},'
        r'"source":"syscall","tags":["container","shell"],"hostname":"node-1"}'
    )


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"tags": []}, b'"source":"syscall","hostname":"node-1"}'),
        ({"hostname": ""}, b'"tags":["container","shell"]}'),
        ({"source": "", "tags": None, "hostname": None}, b'"source":"syscalls"}'),
    ],
)
def test_empty_tags_and_hostname_are_left_out(changes: dict[str, Any], end: bytes) -> None:
    assert payload(sent(**changes)).json.endswith(end)


@pytest.mark.parametrize(
    ("time", "written"),
    [
        ("2026-01-02T10:20:30.120000000Z", "2026-01-02T10:20:30.12Z"),
        ("2026-01-02T10:20:30.000000000Z", "2026-01-02T10:20:30Z"),
        ("2026-01-02T10:20:30.5+02:00", "2026-01-02T10:20:30.5+02:00"),
        ("2026-01-02T10:20:30+00:00", "2026-01-02T10:20:30Z"),
        ("2026-01-02T10:20:30.1234567891Z", "2026-01-02T10:20:30.123456789Z"),
    ],
)
def test_a_time_loses_the_zeros_of_its_fraction(time: str, written: str) -> None:
    assert payload(sent(time=time)).time == written


def test_a_number_keeps_its_digits() -> None:
    one = sent(output_fields={"evt.time": 1767349230500000001, "load": 1.50})
    assert b'{"evt.time":1767349230500000001,"load":1.5}' in payload(one).json


def test_long_texts_of_a_long_alert_are_cut_in_the_output_too() -> None:
    long, short = "x" * 3600, "y" * 512
    alert = payload(sent(output=f"ran {long}", output_fields={"a": long, "b": short}))
    assert alert.fields == {"a": "x" * 507 + "[...]", "b": short}
    assert alert.output == "ran " + "x" * 507 + "[...]"


def test_a_character_that_is_cut_in_two_is_told_as_unknown() -> None:
    alert = payload(sent(output_fields={"a": "é" * 2000}))
    assert ("é" * 253 + r'\ufffd[...]"').encode() in alert.json


def test_long_texts_of_a_short_alert_stay() -> None:
    assert payload(sent(output_fields={"a": "x" * 2000})).fields == {"a": "x" * 2000}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tags": []},
        {"hostname": ""},
        {"tags": ["b", "a"]},
        {"rule": "Test rule"},
        {"time": "2026-01-02T10:20:30.50Z"},
        {"output": "x" * 4000, "output_fields": {"a": "x" * 600}},
        {"output_fields": {"b": 1, "a": 2}},
        {"output_fields": {"a": {"c": 1, "b": 2}}},
        {"output_fields": {"a": 1e300, "b": 2**70, "c": -0.0}},
        {"output_fields": {"sidekick": 1, "z": ',"sidekick":'}},
        {"output": "\u2028 & <é>"},
    ],
)
def test_the_short_ways_give_the_same(changes: dict[str, Any]) -> None:
    every_way(plain(**changes))
    every_way(sent(**changes))


@given(bodies() | plain_bodies())
def test_any_document_gives_the_same(body: bytes) -> None:
    try:
        one = envelope(body)
    except InvalidAlert:
        assume(False)
        return
    every_way(one)


def every_way(one: Envelope) -> None:
    """A payload with names of its own is never made in a short way."""
    from_log = msgspec.structs.replace(one, plain=False)
    assert payload(one) == payload(from_log) == payload(one, str)
    assert canonical(one) == canonical(from_log) == payload(one).json


def test_an_alert_as_falco_writes_it_goes_the_short_way() -> None:
    one = plain()
    told = msgspec.structs.replace(one, body=one.body.replace(b'"rule":"Term', b'"rule" :"Term'))
    assert one.plain
    assert b'"rule" :' in canonical(told)


def test_sinks_that_tell_of_the_same_alert_share_its_payload() -> None:
    assert payload(sent()) is payload(sent())


def test_of_two_fields_with_one_new_name_the_last_stays() -> None:
    one = sent(output_fields={"a.b": 1, "a_b": "text"})
    assert payload(one, lambda name: name.replace(".", "_")).fields == {"a_b": "text"}


def test_a_payload_with_other_names_is_nobody_elses() -> None:
    one = sent(output_fields={"proc.name": "a"})
    flat = payload(one, lambda name: name.replace(".", "_"))
    assert (list(flat.fields), list(payload(one).fields)) == (["proc_name"], ["proc.name"])
