from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.errors import PartlyDelivered, Rejected, Retryable
from sidekick.model import Envelope
from sidekick.sinks._bulk import (
    Rotation,
    action_writer,
    bulk_body,
    check_results,
    own_document,
    results,
)
from tests.sinks.conformance import envelope, identity

DAY_NS = 86400 * 1_000_000_000
ON_2023_11_14 = 1_700_000_000 * 1_000_000_000


def lines(body: bytes) -> list[Any]:
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body[:-1].split(b"\n")]


def body_of(batch: Sequence[Envelope], action: Callable[[Envelope], bytes]) -> bytes:
    return bulk_body(batch, action, map(own_document, batch))


def plain(text: str) -> str:
    return text


def test_each_alert_is_created_under_its_own_id() -> None:
    body = body_of([envelope(0), envelope(7)], action_writer("falco", "none"))

    assert lines(body)[::2] == [
        {"create": {"_index": "falco", "_id": identity(0)}},
        {"create": {"_index": "falco", "_id": identity(7)}},
    ]


def test_a_document_gets_a_timestamp_and_is_otherwise_the_same() -> None:
    one = envelope(5)

    document = lines(body_of([one], action_writer("falco", "none")))[1]

    assert document.pop("@timestamp") == "2023-11-14T22:13:20.000000005Z"
    assert document == json.loads(one.body)


@given(st.dictionaries(st.text(), st.text()), st.integers(-(2**63), 2**63 - 1))
def test_any_alert_becomes_two_lines_of_json(fields: dict[str, str], time_ns: int) -> None:
    one = envelope(1, fields=fields, time_ns=time_ns)

    action, document = lines(body_of([one], action_writer("falco", "daily")))

    assert action["create"]["_id"] == one.id
    assert document["output_fields"] == fields


@pytest.mark.parametrize(
    ("rotate", "index"),
    [
        ("daily", "falco-2023.11.14"),
        ("monthly", "falco-2023.11"),
        ("yearly", "falco-2023"),
        ("none", "falco"),
        ("data_stream", "falco"),
    ],
)
def test_the_index_is_named_by_the_time_of_the_alert(rotate: Rotation, index: str) -> None:
    body = body_of([envelope(0)], action_writer("falco", rotate))

    assert lines(body)[0]["create"]["_index"] == index


@pytest.mark.parametrize(
    ("days_after", "index"),
    [
        (0, "falco-2023.11.14"),
        (30, "falco-2023.11.14"),
        (-0.9, "falco-2023.11.14"),
        (32, "falco-2023.12.16"),
        (-2, "falco-2023.11.12"),
    ],
)
def test_an_alert_whose_time_cannot_be_true_goes_to_the_index_of_its_receipt(
    days_after: float, index: str
) -> None:
    one = envelope(0, time_ns=ON_2023_11_14)
    received = msgspec.structs.replace(one, received_ns=ON_2023_11_14 + int(days_after * DAY_NS))

    assert lines(body_of([received], action_writer("falco", "daily")))[0]["create"] == {
        "_index": index,
        "_id": one.id,
    }


def test_alerts_of_one_batch_go_to_the_index_of_their_own_day() -> None:
    times = [ON_2023_11_14, ON_2023_11_14 + DAY_NS, ON_2023_11_14]

    body = body_of(
        [envelope(n, time_ns=t) for n, t in enumerate(times)], action_writer("a", "daily")
    )

    assert [one["create"]["_index"] for one in lines(body)[::2]] == [
        "a-2023.11.14",
        "a-2023.11.15",
        "a-2023.11.14",
    ]


def answer(*statuses: int, **error: Any) -> dict[str, Any]:
    items = [{"create": {"status": s} | ({"error": error} if s >= 300 else {})} for s in statuses]
    return {"errors": any(s >= 300 for s in statuses), "items": items}


def test_what_was_created_or_is_already_there_is_delivered() -> None:
    check_results(results(answer(201, 200)), plain)
    check_results(results(answer(201, 409, 409)), plain)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"type": "document_parsing_exception"}, Rejected),
        (413, {}, Rejected),
        (401, {}, Retryable),
        (403, {"type": "cluster_block_exception"}, Retryable),
        (404, {"type": "index_not_found_exception"}, Retryable),
        (429, {"type": "es_rejected_execution_exception"}, Retryable),
        (500, {}, Retryable),
        (503, {"type": "unavailable_shards_exception"}, Retryable),
        (400, {"reason": "pipeline with id [x] does not exist"}, Retryable),
    ],
)
def test_the_status_of_an_item_tells_whether_it_may_succeed_later(
    status: int, error: dict[str, str], kind: type[Exception]
) -> None:
    with pytest.raises(PartlyDelivered) as caught:
        check_results(results(answer(201, status, 409, **error)), plain)

    assert {i: type(e) for i, e in caught.value.failed.items()} == {1: kind}


def test_the_reason_is_told_with_its_cause() -> None:
    cause = {"type": "illegal_argument_exception", "reason": 'For input string: "x"'}
    error = {"type": "document_parsing_exception", "reason": "[1:2] failed", "caused_by": cause}

    with pytest.raises(PartlyDelivered) as caught:
        check_results(results(answer(400, **error)), plain)

    assert str(caught.value.failed[0]) == (
        "answered 400 for this alert: document_parsing_exception: [1:2] failed: "
        'For input string: "x"'
    )
