"""Protobuf's wire format, as much of it as small messages of known shape need.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 70
"""Bits; ten bytes hold the largest number."""


class Message:
    """A decoded message by its fields' numbers; what is absent is empty, as in proto3.

    Inner messages are decoded when they are asked for. Raises ValueError for what is no message.
    """

    __slots__ = ("_values",)

    def __init__(self, data: bytes = b"") -> None:
        self._values: dict[int, list[int | bytes]] = {}
        for number, value in _fields(data):
            self._values.setdefault(number, []).append(value)

    def number(self, field: int) -> int:
        """An integer, a bool or an enum."""
        value = self._last(field)
        return value if isinstance(value, int) else 0

    def text(self, field: int) -> str:
        """A string."""
        value = self._last(field)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

    def inner(self, field: int) -> Message:
        """A message inside."""
        value = self._last(field)
        return Message(value if isinstance(value, bytes) else b"")

    def each(self, field: int) -> tuple[Message, ...]:
        """Repeated messages."""
        values = self._values.get(field, ())
        return tuple(Message(value) for value in values if isinstance(value, bytes))

    def texts(self, field: int) -> dict[str, str]:
        """A map of strings."""
        return {entry.text(1): entry.text(2) for entry in self.each(field)}

    def _last(self, field: int) -> int | bytes | None:
        values = self._values.get(field)
        return values[-1] if values else None


def encode(fields: dict[int, str | int | bytes]) -> bytes:
    """A message of strings, non-negative integers and encoded messages."""
    parts = bytearray()
    for number, value in fields.items():
        if isinstance(value, int):
            parts += _varint(number << 3 | _VARINT) + _varint(value)
        else:
            raw = value if isinstance(value, bytes) else value.encode()
            parts += _varint(number << 3 | _BYTES) + _varint(len(raw)) + raw
    return bytes(parts)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, at = _read_varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wanted a wire type of protobuf, found {kind} at {at}")
        if at + length > len(data):
            raise ValueError(f"a field of {length} bytes at {at} of {len(data)} is cut short")
        yield key >> 3, data[at : at + length]
        at += length


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < _LONGEST_VARINT:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError(f"a number before {at} has no end")


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
