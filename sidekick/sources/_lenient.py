"""Reading an alert as leniently as Go's encoding/json does for falcosidekick.

What it takes beyond strict JSON: keys in any case, unknown keys, repeated keys (the last one
counts, but two ``output_fields`` are merged), null where a text may be missing, anything after the
first value, and invalid UTF-8 or lone surrogates, which become U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import msgspec

from sidekick.errors import InvalidAlert

MAX_DEPTH = 64
"""Objects and arrays inside each other that ``output_fields`` may have."""

_KEYS = frozenset(
    ("rule", "priority", "time", "output_fields", "output", "source", "tags", "hostname", "message")
)
_HALVES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\."
)
_LONE_BYTE = re.compile("[\udc80-\udcff]")  # Go has one U+FFFD for each byte that is no UTF-8
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_BLANK = " \t\r\n"
_MAX_DIGITS = 4000  # CPython and msgspec refuse integers of more than 4300 digits


def members(body: bytes | bytearray) -> dict[str, Any]:
    """The known members of the first JSON value of the body, keys in lower case.

    Texts are strings, ``tags`` is a list of them, ``output_fields`` a dict whose numbers are
    ``msgspec.Raw``: the digits that were sent. Raises InvalidAlert.
    """
    text = body.decode("utf-8", "surrogateescape")
    value = _first_value(_LONE_BYTE.sub("\ufffd", text))
    if not isinstance(value, tuple):
        raise InvalidAlert("", f"wanted a JSON object, found {_kind(value)}")
    found: dict[str, Any] = {}
    for key, item in value:
        name = key.casefold()
        if name in _KEYS and len(name) == len(key):
            _take(found, name, item)
    return found


def compact(fields: dict[str, Any]) -> bytes:
    """The JSON text of an ``output_fields`` object: no blanks, each key once, numbers as sent."""
    return _encode(fields)


def _first_value(text: str) -> Any:
    text = text.lstrip(_BLANK)
    if not text:
        raise InvalidAlert("", "wanted a JSON object, found nothing")
    if _HALF.search(text):
        text = _HALVES.sub(lambda m: r"\ufffd" if m[1] else m[0], text)
    try:
        return _decoder.raw_decode(text)[0]
    except RecursionError:
        raise InvalidAlert("", "the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        reason = f"the body is not JSON: {error.msg} (at character {error.pos})"
        raise InvalidAlert("", reason) from None


def _take(found: dict[str, Any], name: str, item: Any) -> None:
    """Set one member; null leaves a text as it was but empties a list or an object."""
    if name == "output_fields":
        found[name] = {} if item is None else found.get(name, {}) | _object(item)
    elif name == "tags":
        found[name] = [] if item is None else _tags(item)
    elif item is not None:
        found[name] = _text(name, item)
    elif name == "priority":  # falcosidekick's own type: null means "none"
        found[name] = ""


def _object(item: Any) -> dict[str, Any]:
    if not isinstance(item, tuple):
        raise InvalidAlert("output_fields", f"wanted an object, found {_kind(item)}")
    plain: dict[str, Any] = _plain(item, MAX_DEPTH)
    return plain


def _tags(item: Any) -> list[str]:
    if not isinstance(item, list):
        raise InvalidAlert("tags", f"wanted a list of strings, found {_kind(item)}")
    return [_text("tags", tag) for tag in item if tag is not None]


def _text(name: str, item: Any) -> str:
    if not isinstance(item, str):
        raise InvalidAlert(name, f"wanted a string, found {_kind(item)}")
    return item


def _plain(value: Any, depth: int) -> Any:
    """Turn the decoder's tuples of pairs into dicts."""
    if isinstance(value, tuple | list):
        if depth == 0:
            raise InvalidAlert("output_fields", f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, tuple):
            return {key: _plain(item, depth - 1) for key, item in value}
        return [_plain(item, depth - 1) for item in value]
    return value


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a string"
    return "null" if value is None else "a boolean" if isinstance(value, bool) else "a number"


def _integer(digits: str) -> msgspec.Raw | str:
    return msgspec.Raw(digits) if len(digits) < _MAX_DIGITS else digits


def _real(digits: str) -> msgspec.Raw | str:
    """The number as sent; as a string where no consumer could read it as a number."""
    return digits if math.isinf(float(digits)) else msgspec.Raw(digits)


def _constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)


_encode = msgspec.json.Encoder().encode
_decoder = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=_integer, parse_float=_real, parse_constant=_constant
)
