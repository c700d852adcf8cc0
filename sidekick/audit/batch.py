"""The events of one request of an API server's audit webhook: one, a list of them, or an array."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sidekick.audit.record import AuditRecord
from sidekick.errors import InvalidAlert

_DEPTH = 4
"""Arrays inside each other that are looked into."""


class _EventList(msgspec.Struct):
    kind: str
    items: list[msgspec.Raw]


class _Head(msgspec.Struct):
    kind: str = ""
    items: msgspec.Raw = msgspec.Raw()


class BadItem(Exception):
    """An item of a batch that is no event: its JSON, and the sentence that says why not."""

    def __init__(self, body: bytes, reason: str) -> None:
        super().__init__(reason)
        self.body = body


_list = msgspec.json.Decoder(_EventList).decode
_head = msgspec.json.Decoder(_Head).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder(msgspec.Raw).decode


def read_batch(body: bytes | bytearray, largest: int) -> Iterator[AuditRecord | BadItem]:
    """The events in their order; what is none, or has more bytes than ``largest``, is a BadItem.

    Raises InvalidAlert before the first one if the body is no JSON.
    """
    body = _utf8(body)
    try:
        found = _list(body)
        items = found.items if found.kind == "EventList" else None
    except (msgspec.DecodeError, RecursionError):
        items = None
    if items is None:
        items = _parts(body)
    return _records(items, largest)


def _utf8(body: bytes | bytearray) -> bytes:
    """The same with U+FFFD for what is no UTF-8, so that no byte can hide an event."""
    try:
        body.isascii() or body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return bytes(body)


def _parts(body: bytes) -> list[msgspec.Raw]:
    """The parts of a body that is no plain list of events, arrays taken apart."""
    try:
        _any(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidAlert("", f"the body is not JSON: {error}") from None
    return list(_flat(msgspec.Raw(body.strip()), _DEPTH))


def _flat(part: msgspec.Raw, depth: int) -> Iterator[msgspec.Raw]:
    data = bytes(part)
    if data[:1] == b"[" and depth:
        for item in _array(data):
            yield from _flat(item, depth - 1)
    elif data[:1] == b"{" and (items := _listed(data)) is not None:
        yield from items
    else:
        yield part


def _listed(data: bytes) -> list[msgspec.Raw] | None:
    """The items of an EventList; None of anything else."""
    try:
        head = _head(data)
        return _array(head.items) if head.kind == "EventList" else None
    except msgspec.DecodeError:
        return None


def _records(items: list[msgspec.Raw], largest: int) -> Iterator[AuditRecord | BadItem]:
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
