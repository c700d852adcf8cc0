"""How Go prints values: ``fmt.Sprint`` and the verbs of ``fmt.Sprintf`` that templates use."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

NO_VALUE = "<no value>"


class Whole(int):
    """A whole number of the template's own. One of JSON is text to falcosidekick."""


class Float(float):
    """A number of the template's own, which Go prints in its way; one of JSON keeps its text."""


_VERB = re.compile(r"%([-+# 0]*)(\d{1,4})?(?:\.(\d{0,4}))?(.)|%", re.DOTALL)
_WIDEST = 1000


def text_of(value: Any) -> str:
    """What ``{{ value }}`` prints."""
    return NO_VALUE if value is None else shown(value)


def shown(value: Any) -> str:
    """``%v``."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Mapping):
        inner = (f"{shown(key)}:{shown(value[key])}" for key in sorted(value, key=str))
        return f"map[{' '.join(inner)}]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{' '.join(map(shown, value))}]"
    return str(value)


def _float(value: float) -> str:
    """``%v``: the shortest form, with an exponent from 1e6 on and below 1e-4."""
    if not isinstance(value, Float) or not math.isfinite(value):
        return repr(float(value))
    digits, exponent = f"{Decimal(repr(float(value))).normalize():e}".split("e")
    if not value or (-4 <= int(exponent) < 21 and abs(value) < 1e6):
        return f"{Decimal(repr(float(value))).normalize():f}"
    return f"{digits}e{exponent[0]}{exponent[1:]:0>2}"


def joined(values: Sequence[Any]) -> str:
    """``print``: a blank between two values of which neither is a text."""
    parts: list[str] = []
    for n, value in enumerate(values):
        if n and not isinstance(value, str) and not isinstance(values[n - 1], str):
            parts.append(" ")
        parts.append(shown(value))
    return "".join(parts)


def formatted(text: str, values: Sequence[Any]) -> str:
    """``printf``; a verb without its value, or for another type, is told as Go tells it."""
    rest = list(values)

    def replace(found: re.Match[str]) -> str:
        verb = found[4]
        if verb is None:
            return "%!(NOVERB)"
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        return _padded(_value(rest.pop(0), verb, found[1], found[3]), found[1], found[2])

    made = _VERB.sub(replace, text)
    if rest:
        told = ", ".join(f"{_type(value, '=')}{shown(value)}" for value in rest)
        made += f"%!(EXTRA {told})"
    return made


def _padded(text: str, flags: str, width: str | None) -> str:
    wide = min(int(width or 0), _WIDEST)
    if "-" in flags:
        return text.ljust(wide)
    if "0" in flags and re.match(r"[+-]?\d", text):
        sign = text[0] if text[0] in "+-" else ""
        return sign + text[len(sign) :].rjust(wide - len(sign), "0")
    return text.rjust(wide)


def _value(value: Any, verb: str, flags: str, precision: str | None) -> str:
    if verb == "v":
        return shown(value)
    made = None
    if verb == "T":
        made = _type(value)
    elif verb == "t" and isinstance(value, bool):
        made = shown(value)
    elif isinstance(value, str):
        made = _of_text(value, verb, precision)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        made = _of_number(value, verb, flags, precision)
    elif isinstance(value, Mapping | list | tuple):
        made = _of_elements(value, verb, flags, precision)
    return f"%!{verb}({_type(value, '=')}{shown(value)})" if made is None else made


def _of_elements(
    value: Mapping[str, Any] | Sequence[Any], verb: str, flags: str, precision: str | None
) -> str:
    """The verb for each element."""

    def one(element: Any) -> str:
        return "<nil>" if element is None else _value(element, verb, flags, precision)

    if isinstance(value, Mapping):
        pairs = (f"{one(key)}:{one(value[key])}" for key in sorted(value, key=str))
        return f"map[{' '.join(pairs)}]"
    return f"[{' '.join(map(one, value))}]"


def _of_text(value: str, verb: str, precision: str | None) -> str | None:
    if precision is not None:
        value = value[: int(precision or 0)]
    if verb == "s":
        return value
    if verb == "q":
        return json.dumps(value, ensure_ascii=False)
    if verb in "xX":
        found = value.encode(errors="surrogatepass").hex()
        return found.upper() if verb == "X" else found
    return None


def _of_number(value: float, verb: str, flags: str, precision: str | None) -> str | None:
    made = None
    if isinstance(value, int):
        made = _of_whole(value, verb, flags)
    else:
        made = _of_float(value, verb, flags, precision)
    if made is None and not isinstance(value, Whole | Float):
        made = _of_text(shown(value), verb, precision)
    return made


def _of_whole(value: int, verb: str, flags: str) -> str | None:
    if verb == "d":
        return f"+{value}" if "+" in flags and value >= 0 else str(value)
    if verb in "xXob":
        prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}[verb] if "#" in flags else ""
        return f"{'-' if value < 0 else ''}{prefix}{abs(value):{verb}}"
    if verb in "cU" and 0 <= value <= 0x10FFFF:
        return chr(value) if verb == "c" else f"U+{value:04X}"
    return None


def _of_float(value: float, verb: str, flags: str, precision: str | None) -> str | None:
    if verb not in "feEgGF":
        return None
    sign = "+" if "+" in flags else "-"
    if verb in "gG" and precision is None:
        return _float(value)
    return format(value, f"{sign}.{int(precision or 0) if precision is not None else 6}{verb}")


def _type(value: Any, end: str = "") -> str:
    """The name of a value's type, as Go has it."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool | Whole | Float):
        return f"json.Number{end}"
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float64"), (str, "string")):
        if isinstance(value, kind):
            return name + end
    return ("map[string]interface {}" if isinstance(value, Mapping) else "[]interface {}") + end
