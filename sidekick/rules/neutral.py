"""Events written as JSON: what rules are tried on where there is no kernel to ask.

    {"time": 1700000000000000000, "source": "syscall", "type": "openat",
     "fields": {"proc.name": "cat", "fd.name": "/etc/shadow", "proc.aname[2]": "sshd"}}

Only ``fields`` is needed. Values may be given as JSON's own or as text; ``null`` is a field that is
absent for certain, one that is not mentioned is derived from others where those leave no doubt.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sidekick.errors import SidekickError
from sidekick.rules.constants import BadConstant, parse_constant
from sidekick.rules.definitions import SYSCALL
from sidekick.rules.derived import Derived
from sidekick.rules.event_types import PLUGIN_EVENT
from sidekick.rules.falco_fields import FALCO_FIELDS
from sidekick.rules.fields import FieldKind, FieldRegistry, FieldType, Shape

_KEY = re.compile(r"""([^\[]+)(?:\[(?:"(.*)"|'(.*)'|(.*))\])?""", re.DOTALL)
_HEX = re.compile(r"0x((?:[0-9a-fA-F]{2})+)")
_LATEST_NS = (1 << 63) - 1
"""In the year 2262: what a signed 64-bit number holds."""


class BadEvent(SidekickError):
    """What was given is no event; the sentence says what was wanted."""


@dataclass(frozen=True, slots=True)
class NeutralEvent:
    """An event: ``record`` is what the engine takes."""

    source: str
    type: str
    time_ns: int
    record: Mapping[str, Any]


def read_event(
    event: Mapping[str, Any], number: int, sources: Mapping[str, FieldRegistry]
) -> NeutralEvent:
    """The event of a decoded JSON object; raises BadEvent. ``number`` is its ``evt.num``."""
    source = _text(event, "source") or SYSCALL
    fields = event.get("fields", {})
    if not isinstance(fields, Mapping):
        raise BadEvent(f'"fields": wanted an object of fields by name, found {_shown(fields)}')
    given = dict(_values(fields, sources.get(source, FALCO_FIELDS)))
    type_ = _text(event, "type") or _given_type(given, source)
    time_ns = time_of(event.get("time", given.get("evt.rawtime")))
    general = {
        "evt.type": type_ or None,
        "evt.source": source,
        "evt.num": number,
        "evt.rawtime": time_ns,
    }
    return NeutralEvent(source, type_, time_ns, Derived({**general, **given}))


def unknown_fields(fields: Mapping[str, Any], registry: FieldRegistry) -> list[str]:
    """The names among fields that no rule could ask for."""
    return [key for key in fields if registry.kind(_name_and_argument(key)[0]) is None]


def time_of(value: Any) -> int:
    """Ns since the epoch: a whole number, or its digits; 0 for None. Raises BadEvent."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LATEST_NS:
        raise BadEvent(f'"time": wanted ns since 1970 as an integer, found {_shown(value)}')
    return value


def _text(event: Mapping[str, Any], key: str) -> str:
    value = event.get(key)
    if value is not None and not isinstance(value, str):
        raise BadEvent(f'"{key}": wanted a text, found {_shown(value)}')
    return value or ""


def _given_type(given: Mapping[str, Any], source: str) -> str:
    return str(given.get("evt.type") or ("" if source == SYSCALL else PLUGIN_EVENT))


def _values(fields: Mapping[str, Any], registry: FieldRegistry) -> Iterator[tuple[str, Any]]:
    for text, value in fields.items():
        name, argument = _name_and_argument(text)
        key = name if argument is None else f"{name}[{argument}]"
        kind = registry.kind(name)
        if kind is None:
            continue  # no rule can ask for it
        shape = kind.with_argument if argument is not None and kind.with_argument else kind.shape
        try:
            yield key, _converted(value, kind, shape)
        except (BadConstant, ValueError) as fault:
            raise BadEvent(f'field "{text}": {fault}') from None


def _name_and_argument(text: str) -> tuple[str, str | None]:
    found = _KEY.fullmatch(text)
    if found is None:
        return text, None
    return found[1], next((part for part in found.groups()[1:] if part is not None), None)


def _converted(value: Any, kind: FieldKind, shape: Shape) -> Any:
    if value is None:
        return None
    if shape is Shape.ONE:
        return _one(value, kind.type)
    if isinstance(value, list):
        return [_one(part, kind.type) for part in value if part is not None] or None
    return [_one(value, kind.type)]


def _one(value: Any, type_: FieldType) -> Any:
    """One value as records hold it for a type; raises ValueError, BadConstant."""
    if type_ is FieldType.DYNAMIC:
        return value if isinstance(value, str | bool) else _dynamic(value)
    if type_ is FieldType.BYTES:
        return _bytes(value)
    if type_ is FieldType.BOOL:
        return _flag(value)
    if type_.is_number:
        return _number(value, type_)
    return _string(value)


def _number(value: Any, type_: FieldType) -> int | float:
    if isinstance(value, float) and type_ is FieldType.DOUBLE and math.isfinite(value):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 64:
        return int(value)
    if isinstance(value, str):
        found: int | float = parse_constant(value.strip(), type_, "=")
        return found
    raise ValueError(f"wanted {type_.value}, found {_shown(value)}")


def _dynamic(value: Any) -> Any:
    try:
        return _number(value, FieldType.DOUBLE)
    except ValueError:
        return _string(value)


def _flag(value: Any) -> bool:
    if value in (True, False, "true", "false"):
        return value in (True, "true")
    raise ValueError(f"wanted true or false, found {_shown(value)}")


def _string(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case list() if not any(isinstance(part, list | dict) for part in value):
            return " ".join(map(_string, value))
        case None:
            return ""
    return _json(value)


def _bytes(value: Any) -> bytes:
    """A buffer: its text, "0x" and its bytes in hexadecimal, or a list of their numbers."""
    if isinstance(value, list) and all(isinstance(part, int) and 0 <= part < 256 for part in value):
        return bytes(value)
    if not isinstance(value, str):
        raise ValueError(f"wanted a text, 0x... or a list of bytes, found {_shown(value)}")
    if found := _HEX.fullmatch(value):
        return bytes.fromhex(found[1])
    try:
        return value.encode("latin-1")  # JSON has no bytes; "\\u00ca\\u00fe" is how they are told
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def _shown(value: Any) -> str:
    return _json(value)[:60]


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (OverflowError, UnicodeEncodeError):
        return json.dumps(value)
