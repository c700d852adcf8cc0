"""Bodies of the audit webhook: which events are in them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.audit import batch
from sidekick.audit.batch import BadItem, read_batch
from sidekick.audit.record import AuditRecord
from sidekick.errors import InvalidAlert
from tests.audit.events import event

GET, LIST = event("get", "pods", "web-0"), event("list", "secrets")
LARGEST = 10_000


def _read(body: bytes | bytearray, largest: int = LARGEST) -> list[str]:
    """The verbs of the events; for what is none, why not."""
    return [
        str(one) if isinstance(one, BadItem) else str(one["ka.verb"])
        for one in read_batch(body, largest)
    ]


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


@pytest.mark.parametrize(
    ("body", "verbs"),
    [
        (GET, ["get"]),
        ([GET, LIST], ["get", "list"]),
        ({"kind": "EventList", "items": [GET, LIST]}, ["get", "list"]),
        ({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": []}, []),
        ([{"kind": "EventList", "items": [GET]}, LIST], ["get", "list"]),
        ([[GET], [[LIST]]], ["get", "list"]),
        ([], []),
    ],
    ids=str,
)
def test_a_body_holds_one_event_or_many(body: Any, verbs: list[str]) -> None:
    assert _read(_json(body)) == verbs
    assert _read(b" " + json.dumps(body, indent=2).encode() + b"\n") == verbs


@pytest.mark.parametrize(
    "bad",
    [1, None, "x", [[[[[GET]]]]], {}, {"kind": "Pod"}, {"stageTimestamp": "yesterday"}],
    ids=str,
)
def test_what_is_no_event_does_not_touch_the_others(bad: Any) -> None:
    for body in ([GET, bad, LIST], {"kind": "EventList", "items": [GET, bad, LIST]}):
        first, reason, last = _read(_json(body))
        assert (first, last) == ("get", "list")
        assert "wanted" in reason


def test_a_bad_item_is_told_with_what_it_was() -> None:
    (found,) = read_batch(_json([{"kind": "Event", "stageTimestamp": 5}]), LARGEST)

    assert isinstance(found, BadItem)
    assert found.body == b'{"kind":"Event","stageTimestamp":5}'
    assert str(found) == (
        "stageTimestamp: wanted an RFC 3339 time such as \"2026-01-02T10:20:30.123456Z\", found '5'"
    )


def test_an_event_that_is_too_large_does_not_touch_the_others() -> None:
    large = event("create", "pods", body={"x": "y" * LARGEST})

    first, reason, last = _read(_json([GET, large, LIST]))

    assert (first, last) == ("get", "list")
    assert reason.endswith("bytes, more than 10000")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1,", b"EventList", b'{"kind":"Event"}x', b"[" * 9999]
)
def test_what_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidAlert, match="the body is not JSON"):
        list(read_batch(body, LARGEST))


def test_a_list_of_another_kind_is_one_bad_item() -> None:
    (reason,) = _read(_json({"kind": "PodList", "items": [GET]}))

    assert reason.startswith("stageTimestamp: wanted")


def test_millions_of_items_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_COMMAS", 20)
    monkeypatch.setattr(batch, "_MOST", 30)
    body = b'{"kind":"EventList","items":[ %s ,%s]}' % (_json(GET), b" , ".join([b"1"] * 1000))

    first, *others = read_batch(body, LARGEST)

    assert isinstance(first, AuditRecord)
    assert len(others) == 30
    rest = others[-1]
    assert isinstance(rest, BadItem)
    assert rest.body.count(b"1") == 971


@pytest.mark.parametrize("array", [b"[%s]", b"[ %s,%s ]", b"[%s\n,\t%s ,%s]"])
def test_a_large_array_is_taken_apart_one_by_one(
    array: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_COMMAS", 0)
    count = array.count(b"%s")

    assert _read(array % ((_json(GET),) * count)) == ["get"] * count


def test_bytes_that_are_no_utf8_hide_nothing() -> None:
    body = _json([event("get", "pods", "web-0", user="mallory")])

    (found,) = read_batch(body.replace(b"mallory", b"mal\xfflory"), LARGEST)

    assert isinstance(found, AuditRecord)
    assert found["ka.user.name"] == "mal\ufffdlory"


def test_a_buffer_that_still_grows_is_read_like_bytes() -> None:
    assert _read(bytearray(_json(GET))) == ["get"]


_BODIES = [_json(GET), _json([GET, LIST]), _json({"kind": "EventList", "items": [GET, 7]})]


@given(
    st.sampled_from(_BODIES),
    st.lists(st.tuples(st.integers(0), st.binary(max_size=3), st.integers(0, 40)), max_size=4),
)
def test_no_body_does_more_than_give_events_and_faults(
    body: bytes, cuts: list[tuple[int, bytes, int]]
) -> None:
    for place, piece, gone in cuts:
        place %= len(body) + 1
        body = body[:place] + piece + body[place + gone :]
    try:
        found = list(read_batch(body, LARGEST))
    except InvalidAlert:
        return
    for one in found:
        if isinstance(one, AuditRecord):
            assert one.time_ns
            assert one["ka.user.name"] is None or isinstance(one["ka.user.name"], str)
