"""JSON as Go's encoding/json writes it, for receivers that compare or sign what they get.

It differs from other writers in texts alone: ``<``, ``>``, ``&``, U+2028 and U+2029 are escapes,
so that JSON can stand in HTML. Maps are sorted by key; that is the caller's part, see ``ordered``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_HTML = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
_LINES = (
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)
_LONE_BYTE = re.compile("[\udc80-\udcff]")
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode
_object = msgspec.json.Decoder(dict[str, Any]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode

Value = str | int | float | bool | msgspec.Raw | None
"""A value that encodes to what Go writes; objects and arrays as JSON text."""


def encode(value: Any) -> bytes:
    """The JSON of texts, numbers, lists and dicts, dicts in their own order.

    A byte that is no UTF-8 (as ``surrogateescape`` has it) becomes the escape of U+FFFD.
    """
    try:
        text = _encode(value)
    except UnicodeEncodeError:
        text = _encode(_with_escapes(value))
    return escaped(text)


def escaped(text: bytes) -> bytes:
    """JSON with Go's escapes."""
    for char, escape in _HTML if text.isascii() else _HTML + _LINES:
        if char in text:
            text = text.replace(char, escape)
    return text


def ordered(text: bytes) -> dict[str, Value]:
    """The members of a JSON object by key, objects inside by key too; numbers as they came."""
    try:
        found = _object(text)
        plain = _encode(found) == text  # no digit is lost by reading numbers as Python's
    except (ValueError, OverflowError):
        plain = False
    if not plain:
        members = _members(text)
        return {key: _value(members[key]) for key in sorted(members)}
    for key, value in found.items():
        if value.__class__ in (dict, list):
            found[key] = msgspec.Raw(_encode_sorted(value))
    return {key: found[key] for key in sorted(found)}


def text(value: Value) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _encode(value).decode()


def _value(raw: msgspec.Raw) -> Value:
    text = bytes(raw)
    if text.startswith(b'"'):
        return _text(text)
    return msgspec.Raw(_sorted(text)) if text[:1] in (b"{", b"[") else raw


def _sorted(text: bytes) -> bytes:
    if text.startswith(b"{"):
        return _encode(ordered(text))
    return _encode([_value(item) for item in _items(text)])


def _with_escapes(value: Any) -> Any:
    if isinstance(value, str):
        parts = [_encode(part)[1:-1] for part in _LONE_BYTE.split(value)]
        return msgspec.Raw(b'"' + b"\\ufffd".join(parts) + b'"')
    if isinstance(value, Mapping):
        return {key: _with_escapes(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_escapes(item) for item in value]
    return value
