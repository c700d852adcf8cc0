"""The functions that templates may call; ``and`` and ``or`` are the evaluation's own."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from sidekick.go_template.printing import NO_VALUE, Float, Whole, formatted, joined, shown


class Fault(Exception):
    """The filling of a template ends here; str() says why."""


def truth(value: Any) -> bool:
    """Whether Go takes it for true: it is not empty and not zero."""
    return bool(value)


def index(value: Any, *keys: Any) -> Any:
    """An element of a map or list, of that its element ..."""
    for key in keys:
        value = _element(value, key)
    return value


def _element(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        if not isinstance(key, str):
            raise Fault(f"index: a map wants a text as key, found {shown(key)}")
        return value.get(key)
    if isinstance(value, str | list | tuple):
        if isinstance(key, bool) or not isinstance(key, int):
            raise Fault(f"index: a list wants a number, found {shown(key)}")
        whole = value.encode() if isinstance(value, str) else value
        if not 0 <= key < len(whole):
            raise Fault(f"index: {key} is out of range")
        found = whole[key]
        return Whole(found) if isinstance(whole, bytes) else found
    raise Fault(f"index: wanted a map or list, found {shown(value)}")


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, str | list | tuple):
        raise Fault(f"slice: wanted a text or list, found {shown(value)}")
    whole = value.encode() if isinstance(value, str) else value
    first, last = [*bounds, *(0, len(whole))[len(bounds) :]][:2]
    if not all(isinstance(n, int) for n in (first, last)) or not 0 <= first <= last <= len(whole):
        raise Fault("slice: a bound is out of range")
    part = whole[first:last]
    return part.decode(errors="replace") if isinstance(part, bytes) else part


def _length(value: Any) -> int:
    if isinstance(value, str):
        return Whole(len(value.encode(errors="surrogatepass")))
    if isinstance(value, Mapping | list | tuple):
        return Whole(len(value))
    raise Fault(f"len of {shown(value)}")


def _comparable(one: Any, other: Any) -> tuple[Any, Any]:
    """Both, a number beside a text as text: falcosidekick has the numbers of JSON as text."""
    if one is None or other is None:
        return one, other
    kinds = {_kind(one), _kind(other)}
    if kinds == {"number of JSON", "text"}:
        return shown(one), shown(other)
    if (len(kinds) > 1 and "number of JSON" not in kinds) or kinds == {"number of JSON", "truth"}:
        raise Fault(f"cannot compare {shown(one)} and {shown(other)}")
    return one, other


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, Whole | Float):
        return "whole" if isinstance(value, Whole) else "float"
    if isinstance(value, int | float):
        return "number of JSON"
    if isinstance(value, str):
        return "text"
    raise Fault(f"cannot compare {shown(value)}")


def _equal(first: Any, *others: Any) -> bool:
    pairs = (_comparable(first, other) for other in others)
    return any(one == other for one, other in pairs)


def _less(one: Any, other: Any) -> bool:
    one, other = _comparable(one, other)
    if one is None or other is None or "truth" in (_kind(one), _kind(other)):
        raise Fault(f"cannot order {shown(one)} and {shown(other)}")
    return bool(one < other)


def _written(values: Sequence[Any]) -> str:
    """What is escaped: all values as text, nothing as it is printed."""
    return joined([NO_VALUE if value is None else value for value in values])


def _escaped_for_html(*values: Any) -> str:
    text = html.escape(_written(values), quote=False).replace("\0", "\ufffd")
    return text.replace("'", "&#39;").replace('"', "&#34;")


_IN_SCRIPTS = {"\\": "\\\\", "'": "\\'", '"': '\\"'}
_IN_SCRIPTS |= {sign: f"\\u{ord(sign):04X}" for sign in "<>&="}


def _escaped_for_scripts(*values: Any) -> str:
    return "".join(
        _IN_SCRIPTS.get(c) or (c if c.isprintable() else f"\\u{ord(c):04X}")
        for c in _written(values)
    )


def _escaped_for_urls(*values: Any) -> str:
    return quote_plus(_written(values), errors="replace")


def _line(*values: Any) -> str:
    return " ".join(map(shown, values)) + "\n"


def _formatted(text: Any, *values: Any) -> str:
    if not isinstance(text, str):
        raise Fault(f"printf: wanted a text, found {shown(text)}")
    return formatted(text, values)


def _joined(*values: Any) -> str:
    return joined(values)


Function = Callable[..., Any]

FUNCTIONS: dict[str, tuple[Function, int, int]] = {
    "and": (truth, 1, 99),
    "or": (truth, 1, 99),
    "not": (lambda value: not truth(value), 1, 1),
    "eq": (_equal, 2, 99),
    "ne": (lambda one, other: not _equal(one, other), 2, 2),
    "lt": (_less, 2, 2),
    "le": (lambda one, other: not _less(other, one), 2, 2),
    "gt": (lambda one, other: _less(other, one), 2, 2),
    "ge": (lambda one, other: not _less(one, other), 2, 2),
    "index": (index, 1, 99),
    "slice": (_slice, 1, 3),
    "len": (_length, 1, 1),
    "print": (_joined, 0, 99),
    "println": (_line, 0, 99),
    "printf": (_formatted, 1, 99),
    "html": (_escaped_for_html, 0, 99),
    "js": (_escaped_for_scripts, 0, 99),
    "urlquery": (_escaped_for_urls, 0, 99),
}
"""By name, with the least and greatest number of arguments."""


def called(name: str, arguments: Sequence[Any]) -> Any:
    """The value of a function; raises ``Fault``."""
    function, least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise Fault(f"{name}: wanted {least} arguments or more, found {len(arguments)}")
    return function(*arguments)
