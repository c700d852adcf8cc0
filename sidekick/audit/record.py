"""An audit event as the record that rules read: each field is extracted when it is first asked for.

Most rules look at the head of an event and turn away, so the bodies of request and response stay
the JSON that came until somebody asks for something in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from sidekick.audit.fields import FIELDS, extractor
from sidekick.audit.nodes import MISSING, Inexact
from sidekick.errors import InvalidAlert
from sidekick.rfc3339 import nanoseconds

SOURCE = "k8s_audit"
"""The source of rules for audit events."""
PLUGIN = "k8saudit"
"""The name of Falco's plugin that these events are like."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def _extractor(key: str) -> tuple[Callable[[Any], Any], bool]:
    """How a field is found, and whether audit events alone have it."""
    found: Callable[[Any], Any] | None = _OWN.get(key) or extractor(key)
    return found or _nothing, key.startswith("ka.")


def _nothing(record: Any) -> None:
    return None


class AuditRecord(dict[str, Any]):
    """The fields of one event; None for what is absent. ``number`` is its ``evt.num``."""

    __slots__ = ("_nodes", "_raw", "_time_ns", "body", "number")

    def __init__(self, body: bytes, number: int = 1) -> None:
        """Raises InvalidAlert if the body is no JSON object."""
        super().__init__()
        try:
            self._raw = _members(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidAlert("", f"wanted an audit event as a JSON object: {error}") from None
        self._nodes: dict[str, Any] = {}
        self._time_ns: int | None = None
        self.body = body
        self.number = number

    def __missing__(self, key: str) -> Any:
        value = self[key] = self._found(key)
        return value

    def top(self, key: str) -> Any:
        """The decoded value of a top-level key, or MISSING."""
        node = self._nodes.get(key, self)
        if node is self:
            raw = self._raw.get(key)
            node = self._nodes[key] = MISSING if raw is None else _decode(raw)
        return node

    @property
    def time_ns(self) -> int:
        """``stageTimestamp`` in ns since the epoch; 0 if it is missing or no RFC 3339 time."""
        if self._time_ns is None:
            try:
                self._time_ns = nanoseconds(str(self.top("stageTimestamp")))
            except (ValueError, msgspec.DecodeError):
                self._time_ns = 0
        return self._time_ns

    def _found(self, key: str) -> Any:
        extract, of_audit = _extractor(key)
        # The plugin takes JSON without an audit id for something else.
        if of_audit and "auditID" not in self._raw:
            return None
        try:
            return extract(self)
        except Inexact:
            return extract(_Exact(self._raw))
        except (msgspec.DecodeError, RecursionError):
            return None


class _Exact:
    """The same event as nodes that know how they were written."""

    def __init__(self, raw: Mapping[str, msgspec.Raw]) -> None:
        self._raw = raw

    def top(self, key: str) -> Any:
        return self._raw.get(key, MISSING)


def record_of(payload: bytes | Mapping[str, Any], number: int = 1) -> AuditRecord:
    """The record of an event, best as the bytes that came; raises InvalidAlert."""
    return AuditRecord(payload if isinstance(payload, bytes) else _encode(payload), number)


def _formatted(indent: int) -> Callable[[AuditRecord], str | None]:
    def text(record: AuditRecord) -> str | None:
        try:
            return msgspec.json.format(record.body, indent=indent).decode()
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None

    return text


def _raw_time(record: AuditRecord) -> str:
    return str(record.time_ns)


_OWN: Mapping[str, Callable[[AuditRecord], Any]] = {
    "jevt.obj": _formatted(2),
    "json.obj": _formatted(2),
    "jevt.rawtime": _raw_time,
    "json.rawtime": _raw_time,
    "evt.num": lambda record: record.number,
    "evt.rawtime": lambda record: record.time_ns,
    "evt.rawtime.s": lambda record: record.time_ns // 1_000_000_000,
    "evt.rawtime.ns": lambda record: record.time_ns % 1_000_000_000,
    "evt.source": lambda record: SOURCE,
    "evt.pluginname": lambda record: PLUGIN,
    "evt.plugininfo": _formatted(-1),
    "evt.is_async": lambda record: False,
}

FILLED = frozenset(FIELDS) | frozenset(_OWN)
"""The names of all fields that a record can hold a value for."""
