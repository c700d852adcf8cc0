"""An event as a record: what is asked for is extracted, whatever was sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.audit.fields import FIELDS
from sidekick.audit.record import record_of
from sidekick.errors import InvalidAlert
from tests.audit.events import TIME_NS, container, encoded, event, pod, pod_spec

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside),
    max_leaves=12,
)
_KEYS = [
    *("auditID", "user", "objectRef", "requestObject", "requestURI", "responseStatus"),
    *("spec", "containers", "rules", "subjects", "volumes", "securityContext", "ports"),
    *("image", "name", "kind", "hostPath", "path", "capabilities", "annotations"),
]
_SHAPED = st.recursive(
    _JSON,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS), inside, min_size=1, max_size=4)
    ),
    max_leaves=30,
)


def test_the_event_as_a_text_is_indented_as_go_does() -> None:
    record = record_of(b'{"auditID":"x","n":[1.50,{}],"o":[],"s":"\\u003c"}')

    assert record["jevt.obj"] == record["json.obj"]
    assert record["jevt.obj"] == (
        '{\n  "auditID": "x",\n  "n": [\n    1.50,\n    {}\n  ],\n  "o": [],\n  "s": "\\u003c"\n}'
    )
    assert record["evt.plugininfo"] == '{"auditID":"x","n":[1.50,{}],"o":[],"s":"\\u003c"}'


def test_a_decoded_event_gives_the_same_record() -> None:
    sent = pod(pod_spec(container(securityContext={"privileged": True})))

    decoded, raw = record_of(sent), record_of(encoded(sent))

    keys = ["ka.req.pod.containers.privileged", "ka.req.pod.containers.image", "ka.resp.name"]
    assert [decoded[key] for key in keys] == [raw[key] for key in keys]


def test_a_field_is_extracted_once_and_the_others_not_at_all() -> None:
    record = record_of(encoded(event("get", "pods")))

    assert record["ka.verb"] == "get"
    assert record["ka.unheard.of"] is None
    assert dict(record) == {"ka.verb": "get", "ka.unheard.of": None}


@pytest.mark.parametrize(
    ("stamp", "wanted"),
    [
        ("2026-01-02T03:04:05.125456Z", TIME_NS),
        ("2026-01-02T04:04:05.125456+01:00", TIME_NS),
        ("2026-01-02T03:04:05.125456789Z", TIME_NS + 789),
        ("yesterday", 0),
        (None, 0),
        (17, 0),
    ],
)
def test_the_time_is_that_of_the_stage(stamp: Any, wanted: int) -> None:
    assert record_of(encoded(event("get", "pods", stageTimestamp=stamp))).time_ns == wanted


def test_an_event_without_a_stage_has_no_time() -> None:
    assert record_of(b"{}").time_ns == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'"x"', b"{", b'{"a":1}x', b"null"])
def test_what_is_no_object_is_no_event(body: bytes) -> None:
    with pytest.raises(InvalidAlert, match="wanted an audit event as a JSON object"):
        record_of(body)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
def test_endless_nesting_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidAlert):
        record_of(body)


def test_lists_in_lists_end_somewhere() -> None:
    deep = b'{"auditID":"x","requestObject":{"spec":{"containers":%s%s}}}' % (
        b"[" * 900,
        b"]" * 900,
    )

    assert not record_of(deep)["ka.req.pod.containers.image"]


@given(_SHAPED)
def test_whatever_is_sent_a_field_is_a_text_a_list_of_texts_or_nothing(value: Any) -> None:
    body = msgspec.json.encode({"auditID": "x", "requestObject": value, "user": value})
    record = record_of(body)

    for name in FIELDS:
        argument = "[/a]" if name.endswith((".value", ".param", ".hostpath", ".has_name")) else ""
        found = record[f"{name}{argument}"]
        texts = found if isinstance(found, list) else [found]
        assert all(one is None or isinstance(one, str) for one in texts)
