"""The events of one request of an API server's audit webhook: one, a list of them, or an array."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sidekick.audit.record import AuditRecord
from sidekick.errors import InvalidAlert

_DEPTH = 4
"""Arrays inside each other that are looked into."""
_COMMAS = 1_000_000
"""An array with more of them is not taken apart at once: its items alone could fill the memory."""
_MOST = 100_000
"""Items of such an array that are looked at; an API server sends 400."""


class _Head(msgspec.Struct):
    kind: Any = None
    items: msgspec.Raw = msgspec.Raw()


class BadItem(Exception):
    """An item of a batch that is no event: its JSON, and the sentence that says why not."""

    def __init__(self, body: bytes, reason: str) -> None:
        super().__init__(reason)
        self.body = body


_head = msgspec.json.Decoder(_Head).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder(msgspec.Raw).decode
_first = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


def read_batch(body: bytes | bytearray, largest: int) -> Iterator[AuditRecord | BadItem]:
    """The events in their order; what is none, or has more bytes than ``largest``, is a BadItem.

    Raises InvalidAlert before the first one if the body is no JSON.
    """
    body = _utf8(body).strip()
    try:
        parts = _inside(body)
        if parts is None:
            parts = [_any(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidAlert("", f"the body is not JSON: {error}") from None
    if body[:1] == b"[":
        parts = (event for part in parts for event in _flat(part, _DEPTH - 1))
    return _records(parts, largest)


def _utf8(body: bytes | bytearray) -> bytes:
    """The same with U+FFFD for what is no UTF-8, so that no byte can hide an event."""
    try:
        body.isascii() or body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return bytes(body)


def _inside(data: bytes) -> Iterable[msgspec.Raw] | None:
    """The items of an array or an EventList; None of anything else."""
    if data[:1] == b"[":
        return _items(data)
    if data[:1] == b"{":
        head = _head(data)
        items = bytes(head.items)
        if head.kind == "EventList" and items[:1] == b"[":
            return _items(items)
    return None


def _flat(part: msgspec.Raw, depth: int) -> Iterator[msgspec.Raw]:
    """The events that an item of an array is: itself, or what is in it."""
    data = bytes(part)
    inside = _inside(data) if depth else None
    if inside is None:
        yield part
    elif data[:1] == b"{":
        yield from inside
    else:
        for item in inside:
            yield from _flat(item, depth - 1)


def _items(array: bytes) -> Iterable[msgspec.Raw]:
    if array.count(b",") <= _COMMAS:
        return _array(array)
    _any(array)
    return _one_by_one(array.decode())


def _one_by_one(array: str) -> Iterator[msgspec.Raw]:
    """The first items of a valid array, each found when it is asked for; the rest is one item."""
    place = _skip(array, 1, "")
    for _ in range(_MOST):
        end = _first(array, place)[1]
        yield msgspec.Raw(array[place:end])
        place = _skip(array, end, ",")
        if array[place] == "]":
            return
    yield msgspec.Raw(array[place:-1])


def _skip(text: str, place: int, more: str) -> int:
    """The place behind blanks, and behind that character among them."""
    while text[place] in f" \t\r\n{more}":
        place += 1
    return place


def _records(items: Iterable[msgspec.Raw], largest: int) -> Iterator[AuditRecord | BadItem]:
    for item in items:
        body = bytes(item)
        try:
            yield _record(body, largest)
        except InvalidAlert as invalid:
            yield BadItem(body, str(invalid))


def _record(body: bytes, largest: int) -> AuditRecord:
    if len(body) > largest:
        raise InvalidAlert("", f"the event has {len(body)} bytes, more than {largest}")
    record = AuditRecord(body)
    if not record.time_ns:
        wanted = 'an RFC 3339 time such as "2026-01-02T10:20:30.123456Z"'
        found = str(record["jevt.value[/stageTimestamp]"])[:64]
        raise InvalidAlert("stageTimestamp", f"wanted {wanted}, found {found!r}")
    return record
