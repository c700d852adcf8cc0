"""The meaning of conditions, written down once more and as plainly as can be.

Nothing of the compiler is used here: constants are read, addresses compared and patterns matched in
other ways, so that the two can be held against each other on random conditions and events.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sidekick.rules.ast import And, Check, Field, Macro, Node, Not, Operand, Or, Transform
from sidekick.rules.ast import Value as Constant
from sidekick.rules.ast import Values as Constants
from sidekick.rules.fields import Shape

EXAMPLES = 50_000 if os.environ.get("SIDEKICK_NIGHTLY") else 2_000
"""How many random conditions or rule sets a test tries."""

SHAPES = {
    "proc.aname": Shape.ANCESTORS,
    "fd.ip": Shape.EITHER,
    "fd.net": Shape.EITHER,
    "fd.port": Shape.EITHER,
    "fd.types": Shape.LIST,
}
NUMBERS = {"fd.num", "user.uid", "fd.sport", "fd.port"}
FLAGS = {"evt.is_open_read"}
ADDRESSES = {"fd.sip", "fd.ip"}
NETWORKS = {"fd.snet", "fd.net"}
BYTES = {"evt.buffer"}

Record = Mapping[str, Any]


def holds(node: Node, record: Record, macros: Mapping[str, Node]) -> bool:
    """Whether a condition holds for a record."""
    match node:
        case And():
            return all(holds(child, record, macros) for child in node.children)
        case Or():
            return any(holds(child, record, macros) for child in node.children)
        case Not():
            return not holds(node.child, record, macros)
        case Macro():
            return holds(macros[node.name], record, macros)
        case Check():
            return _check(node, record)


def _check(check: Check, record: Record) -> bool:
    left = _value(check.left, record)
    if left is None or left == []:
        return False
    if check.operator == "exists":
        return True
    if isinstance(check.right, Constant):
        texts: Sequence[str] = (check.right.text,)
    elif isinstance(check.right, Constants):
        texts = check.right.texts
    else:
        assert check.right is not None
        right = _value(check.right, record)
        return right is not None and _COMPARE[check.operator](left, right)
    name = check.left.name if isinstance(check.left, Field) else "proc.name"
    shape = SHAPES.get(name) if isinstance(check.left, Field) and not check.left.argument else None
    return _by_shape(name, shape or Shape.ONE, check, left, texts)


def _by_shape(name: str, shape: Shape, check: Check, left: Any, texts: Sequence[str]) -> bool:
    operator, modifier = check.operator.replace("==", "="), check.modifier
    if shape is Shape.LIST:
        kept = [value in texts for value in left]
        return all(kept) if operator == "in" else any(kept)
    if operator in ("in", "intersects"):
        if name == "fd.ip":
            texts = ()
        if name == "fd.net":
            texts = texts[:1]
    if shape is Shape.ONE:
        return _several(name, operator, modifier, left, texts)
    found = [_several(name, operator, modifier, value, texts) for value in left]
    return all(found) if shape is Shape.EITHER and operator == "!=" else any(found)


def _several(name: str, operator: str, modifier: str, value: Any, texts: Sequence[str]) -> bool:
    if operator in ("in", "intersects"):
        return any(_one(name, "=", value, text) for text in texts)
    found = [_one(name, operator, value, text) for text in texts]
    match modifier:
        case "oneof":
            return found.count(True) == 1
        case "allof":
            return bool(found) and all(found)
    return any(found)


def _one(name: str, operator: str, value: Any, text: str) -> bool:
    if name in NETWORKS:
        inside = ipaddress.ip_address(value) in ipaddress.ip_network(text, strict=False)
        return inside if operator == "=" else not inside
    if name in ADDRESSES:
        same = ipaddress.ip_address(value) == ipaddress.ip_address(text)
        return same if operator == "=" else not same
    if name in NUMBERS:
        return _COMPARE[operator](value, int(text, 0))
    if name in FLAGS:
        return _COMPARE[operator](value, text == "true")
    if name in BYTES:
        constant = bytes.fromhex(text) if operator.startswith("b") else text.encode()
        return _COMPARE[operator.removeprefix("b")](value, constant)
    return _COMPARE[operator](value, text)


def _value(operand: Operand, record: Record) -> Any:
    match operand:
        case Field():
            return record.get(operand.key)
        case Transform(name=name, arguments=(argument,)):
            value = _value(argument, record)
            return None if value is None else _TRANSFORM[name](value)
    raise AssertionError(operand)


def _upper(text: str) -> str:
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in text)


def _lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


_TRANSFORM: dict[str, Callable[[Any], Any]] = {
    "val": lambda value: value,
    "tolower": _lower,
    "toupper": _upper,
    "basename": lambda text: text.split("/")[-1],
}


def _glob(value: str, pattern: str) -> bool:
    """By trying what a star may stand for."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(_glob(value[cut:], pattern[1:]) for cut in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and _glob(value[1:], pattern[1:])


def _below(path: str, prefix: str) -> bool:
    """Component by component; empty ones do not count, so "a" is "/a" here."""
    parts, wanted = [p for p in path.split("/") if p], [p for p in prefix.split("/") if p]
    if len(parts) < len(wanted):
        return False
    return all(_glob(part, want) for part, want in zip(parts, wanted, strict=False))


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
    "contains": lambda a, b: a.find(b) >= 0,
    "icontains": lambda a, b: _lower(b) in _lower(a),
    "startswith": lambda a, b: a[: len(b)] == b,
    "endswith": lambda a, b: a[max(len(a) - len(b), 0) :] == b,
    "glob": _glob,
    "iglob": lambda a, b: _glob(_lower(a), _lower(b)),
    "regex": lambda a, b: re.fullmatch(b, a, re.DOTALL) is not None,
    "pmatch": _below,
}
