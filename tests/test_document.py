from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick import document
from sidekick.model import Alert, Assessment, Part, Priority

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FIELDS = st.dictionaries(
    TEXT, st.none() | st.booleans() | TEXT | st.integers(-(2**70), 2**70) | st.lists(TEXT)
)


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    fields = draw(FIELDS)
    return Alert(
        rule=draw(TEXT),
        priority=draw(st.sampled_from(Priority)),
        source=draw(TEXT),
        time=draw(TEXT),
        time_ns=draw(st.integers(-(2**62), 2**62)),
        fields=fields,
        fields_json=json.dumps(fields).encode(),
        output=draw(TEXT),
        hostname=draw(TEXT),
        tags=tuple(draw(st.lists(TEXT))),
    )


FOUND = st.builds(
    Assessment,
    fingerprint=TEXT,
    kind=st.sampled_from(["first", "repeat", "reminder", "digest"]),
    count=st.integers(1, 2**40),
    first_seen_ns=st.integers(0, 2**62),
    last_seen_ns=st.integers(0, 2**62),
    score=st.integers(0, 100),
    parts=st.lists(st.builds(Part, TEXT, st.floats(-100, 100), TEXT)).map(tuple),
    routes=st.lists(TEXT).map(tuple),
    silenced_by=TEXT,
)


@given(alerts(), FOUND)
def test_a_document_is_one_line_of_json_that_gives_the_alert_back(
    alert: Alert, found: Assessment
) -> None:
    body = document.write("some-id", alert, found)
    assert b"\n" not in body
    assert json.loads(body)["output_fields"] == alert.fields
    back = document.read(body)
    assert back.uuid == "some-id"
    again = document.alert_of(back, document.fields_text(body), alert.time_ns)
    assert msgspec.structs.asdict(again) | {"fields": 0} == (
        msgspec.structs.asdict(alert) | {"fields": 0}
    )
    assert back.sidekick == document.Note(*msgspec.structs.astuple(found))


def _alert(fields_json: bytes = b"{}", hostname: str = "", tags: tuple[str, ...] = ()) -> Alert:
    return Alert(
        rule="R",
        priority=Priority.INFORMATIONAL,
        source="syscall",
        time="2026-05-28T20:26:40.1Z",
        time_ns=0,
        fields={},
        fields_json=fields_json,
        output="o",
        hostname=hostname,
        tags=tags,
    )


@pytest.mark.parametrize(
    "text",
    [b'{"n":18446744073709551616}', b'{"n":1.10,"e":1e5}', b'{ "a" : "\\u00e9" }', b"{}"],
)
def test_the_senders_fields_are_kept_to_the_letter(text: bytes) -> None:
    body = document.write("u", _alert(text), Assessment(fingerprint="f"))
    assert b'"output_fields":' + text + b"," in body
    assert document.fields_text(body) == text


def test_what_is_empty_is_left_out() -> None:
    body = document.write("u", _alert(), Assessment(fingerprint="f"))
    found = json.loads(body)
    assert list(found) == [
        "uuid",
        "output",
        "priority",
        "rule",
        "time",
        "output_fields",
        "source",
        "sidekick",
    ]
    assert list(found["sidekick"]) == [
        "fingerprint",
        "kind",
        "count",
        "first_seen",
        "last_seen",
        "score",
    ]
    assert found["priority"] == "Informational"
    told = document.write("u", _alert(hostname="h", tags=("t",)), Assessment(fingerprint="f"))
    assert json.loads(told) | {"hostname": "h", "tags": ["t"]} == json.loads(told)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"uuid":1}'])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        document.read(body)
