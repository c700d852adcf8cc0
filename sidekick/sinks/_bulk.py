"""Elasticsearch's bulk format: its body from envelopes, and what its answer means for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from sidekick.errors import PartlyDelivered, Rejected, Retryable
from sidekick.model import Envelope

Rotation = Literal["daily", "monthly", "yearly", "none", "data_stream"]

_SECOND_NS = 1_000_000_000
_HOUR_NS = 3600 * _SECOND_NS
_OLDEST_NS = 31 * 24 * _HOUR_NS
_NEWEST_NS = 24 * _HOUR_NS
_DATES = {"daily": "-%Y.%m.%d", "monthly": "-%Y.%m", "yearly": "-%Y"}

# 409: it is already there. The others speak of the index, the credentials or the moment.
_DONE = frozenset({200, 201, 409})
_MAY_PASS = frozenset({401, 403, 404, 429})


def action_writer(index: str, rotate: Rotation) -> Callable[[Envelope], bytes]:
    """A function that gives an envelope's action line, up to the id."""
    pattern = _DATES.get(rotate, "")

    @lru_cache(maxsize=128)
    def action(hour: int) -> bytes:
        suffix = datetime.fromtimestamp(hour * 3600, UTC).strftime(pattern) if pattern else ""
        return f'{{"create":{{"_index":"{index}{suffix}","_id":"'.encode()

    if not pattern:
        return lambda envelope: action(0)
    return lambda envelope: action(_index_time_ns(envelope) // _HOUR_NS)


def _index_time_ns(envelope: Envelope) -> int:
    """The alert's own time, so that a retry finds it in the same index; when it cannot be true,
    the time of its receipt: a sender with a wrong clock shall not open an index for each day."""
    ago = envelope.received_ns - envelope.time_ns
    return envelope.time_ns if -_NEWEST_NS < ago < _OLDEST_NS else envelope.received_ns


def bulk_body(
    batch: Sequence[Envelope],
    action: Callable[[Envelope], bytes],
    documents: Iterable[bytes],
) -> bytes:
    """The NDJSON body that creates the document of every alert."""
    out = bytearray()
    for envelope, document in zip(batch, documents, strict=True):
        out += b'%b%b"}}\n' % (action(envelope), envelope.id.encode())
        out += document
        out += b"\n"
    return bytes(out)


def own_document(envelope: Envelope) -> bytes:
    """The alert's document with ``@timestamp`` put before its own keys."""
    secs, ns = divmod(envelope.time_ns, _SECOND_NS)
    return b'{"@timestamp":"%b.%09dZ",%b' % (_second(secs), ns, envelope.body[1:])


@lru_cache(maxsize=64)
def _second(secs: int) -> bytes:
    return datetime.fromtimestamp(secs, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


Results = list[dict[str, Any]]
"""What the bulk API says of each item; none at all where nothing failed."""


def results(answer: Mapping[str, Any]) -> Results:
    """The results of an answer."""
    return [item["create"] for item in answer["items"]] if answer["errors"] else []


def check_results(found: Results, clean: Callable[[str], str]) -> None:
    """Raise ``PartlyDelivered`` with what is said of each item that failed."""
    failed: dict[int, Retryable | Rejected] = {}
    for i, result in enumerate(found):
        status = result["status"]
        if status not in _DONE:
            reason = _reason(result)
            kind = Retryable if _may_pass(status, reason) else Rejected
            failed[i] = kind(clean(f"answered {status} for this alert: {reason}"))
    if failed:
        raise PartlyDelivered(failed)


def _may_pass(status: int, reason: str) -> bool:
    return status >= 500 or status in _MAY_PASS or "pipeline with id" in reason


def _reason(result: Mapping[str, Any]) -> str:
    error = result.get("error") or {}
    cause = error.get("caused_by", {}).get("reason", "")
    return ": ".join(text for text in (error.get("type"), error.get("reason"), cause) if text)
