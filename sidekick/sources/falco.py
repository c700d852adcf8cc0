"""Falco's alerts as JSON: one at a time as its http_output posts them, or many in one body."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from sidekick.errors import InvalidAlert
from sidekick.model import Alert, Priority
from sidekick.rfc3339 import nanoseconds
from sidekick.sources import _lenient

DEFAULT_SOURCE = "syscalls"
"""What falcosidekick calls an alert's source when the sender names none."""


class _Sent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """An alert exactly as Falco writes it; whatever differs is read by ``_lenient``."""

    rule: str
    priority: str
    time: str
    output_fields: msgspec.Raw
    output: str = ""
    source: str = ""
    tags: list[str] = []
    hostname: str = ""
    message: str = ""
    uuid: str = ""


_sent = msgspec.json.Decoder(_Sent).decode
_fields = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode
_first = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
_PRIORITIES = {p.label: p for p in Priority}
_NO_TIME = "0001-01-01T00:00:00"
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
_TEXT = re.compile(rb"\s*(\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d\.\d+\S*: [A-Z][a-z]+ ")
_SHOWN_BYTES = 4096  # of what is no alert
_BLANK = " \t\r\n"
_LINES = ("ndjson", "jsonl", "json-lines", "jsonlines", "json-seq")


def decode(body: bytes | bytearray) -> Alert:
    """The alert of a body, as tolerantly as falcosidekick; raises InvalidAlert.

    Beyond falcosidekick, ``output_fields`` may be missing or empty (Falco can be told to leave it
    out), and a ``message`` stands in for a missing ``output``.
    """
    return _strict(body) or _tolerant(body)


def decode_many(
    body: bytes | bytearray, content_type: str = "", largest: int = sys.maxsize
) -> Iterator[Alert | InvalidAlert]:
    """Every alert of an NDJSON body, of a JSON array or of a single object, in order.

    What is no alert, or has more bytes than ``largest``, yields the InvalidAlert that says why;
    the others are not touched by it. A syntax error inside an array ends it, because nobody can
    tell where the next item begins.
    """
    lines = any(name in content_type.lower() for name in _LINES)
    if not lines and body.lstrip()[:1] == b"[":
        return _array(body.decode("utf-8", "replace"), largest)
    return _lines(body, largest) if lines or _several(body) else _one(body, largest)


def _strict(body: bytes | bytearray) -> Alert | None:
    """The quick way for an alert as Falco writes it; None for all that needs a second look."""
    try:
        sent = _sent(body)
        fields_json = bytes(sent.output_fields)
        fields = _fields(fields_json)
        time_ns = nanoseconds(sent.time)
        in_order = _encode_sorted(fields) == fields_json
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    priority = _PRIORITIES.get(sent.priority)
    if (
        priority is None
        or not sent.rule
        or sent.time.startswith(_NO_TIME)
        or not (in_order or _encode(fields) == fields_json)  # repeated keys, blanks, odd numbers
        or (brackets := fields_json.count(b"[") + fields_json.count(b"{")) > _lenient.MAX_DEPTH
        or body.count(b'"output_fields"') != 1
        or (b"\\" in body and _ESCAPED_LETTER.search(body))  # a key may be hidden by it
    ):
        return None
    return Alert(
        rule=sent.rule,
        priority=priority,
        source=sent.source or DEFAULT_SOURCE,
        time=sent.time,
        time_ns=time_ns,
        fields=fields,
        fields_json=fields_json,
        output=sent.output or sent.message,
        hostname=sent.hostname,
        tags=tuple(sorted(sent.tags)),
        plain=in_order and brackets == 1,
    )


def _members(body: bytes | bytearray) -> dict[str, Any]:
    try:
        return _lenient.members(body)
    except InvalidAlert:
        if _TEXT.match(body):
            reason = "this is Falco's text output: set json_output: true in falco.yaml"
            raise InvalidAlert("", reason) from None
        raise


def _tolerant(body: bytes | bytearray) -> Alert:
    found = _members(body)
    rule = found.get("rule", "")
    if not rule:
        raise InvalidAlert("rule", "wanted the name of a rule, found none")
    priority = _priority(found.get("priority", ""))
    time = found.get("time", "")
    time_ns = _time_ns(time)
    fields_json = _lenient.compact(found.get("output_fields", {}))
    return Alert(
        rule=rule,
        priority=priority,
        source=found.get("source") or DEFAULT_SOURCE,
        time=time,
        time_ns=time_ns,
        fields=_fields(fields_json),
        fields_json=fields_json,
        output=found.get("output") or found.get("message", ""),
        hostname=found.get("hostname", ""),
        tags=tuple(sorted(found.get("tags", ()))),
    )


def _priority(text: str) -> Priority:
    priority = Priority.parse(text)
    if priority is None:
        wanted = ", ".join(p.label for p in reversed(Priority))
        raise InvalidAlert("priority", f"wanted one of {wanted}, found {text[:64]!r}")
    return priority


def _time_ns(text: str) -> int:
    try:
        time_ns = nanoseconds(text)
    except ValueError:
        wanted = 'an RFC 3339 time such as "2026-01-02T10:20:30.123456789Z"'
        raise InvalidAlert("time", f"wanted {wanted}, found {text[:64]!r}") from None
    if text.startswith(_NO_TIME):
        raise InvalidAlert("time", "the year 1 is Go's way of saying that there is no time")
    return time_ns


def _one(body: bytes | bytearray, largest: int) -> Iterator[Alert | InvalidAlert]:
    if len(body) > largest:
        reason = f"the alert is larger than {largest} bytes"
        yield InvalidAlert("", reason, bytes(body[:_SHOWN_BYTES]))
        return
    try:
        yield decode(body)
    except InvalidAlert as invalid:
        yield InvalidAlert(invalid.field, invalid.reason, bytes(body[:_SHOWN_BYTES]))


def _several(body: bytes | bytearray) -> bool:
    """Whether the lines are values each: the first is one whole, or others begin as objects do and
    all of them together are no JSON."""
    text = body.strip()
    first, _, rest = text.partition(b"\n")
    return bool(rest) and (_is_json(first) or (b"\n{" in text and not _is_json(text)))


def _is_json(text: bytes | bytearray) -> bool:
    try:
        return msgspec.json.decode(text, type=msgspec.Raw) is not None
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False


def _lines(body: bytes | bytearray, largest: int) -> Iterator[Alert | InvalidAlert]:
    start = 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        line = body[start:end].strip(b"\x1e \t\r")  # 0x1e begins each text of application/json-seq
        start = end + 1
        if line:
            yield from _one(line, largest)


def _array(text: str, largest: int) -> Iterator[Alert | InvalidAlert]:
    place = _skip(text, text.index("[") + 1)
    if text[place : place + 1] == "]":
        return
    while True:
        try:
            end = _first(text, place)[1]
        except (ValueError, RecursionError) as error:
            reason = f"the array is not JSON from character {place} on: {error}"
            yield InvalidAlert("", reason, text[place : place + _SHOWN_BYTES].encode())
            return
        yield from _one(text[place:end].encode(), largest)
        place = _skip(text, end)
        if text[place : place + 1] != ",":
            break
        place = _skip(text, place + 1)
    if text[place : place + 1] != "]":
        reason = f"the array is not closed at character {place}"
        yield InvalidAlert("", reason, text[place : place + _SHOWN_BYTES].encode())


def _skip(text: str, place: int) -> int:
    """The place of the next character that is not blank."""
    while text[place : place + 1] and text[place] in _BLANK:
        place += 1
    return place
