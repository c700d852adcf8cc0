"""What a condition means, written down once more, plainly: the judge of the compilers.

It walks the tree for each record and knows nothing of how the product does it. None is NULL.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sidekick.rules.ast import (
    And,
    Check,
    Field,
    Items,
    Literal,
    Macro,
    Node,
    Not,
    Operand,
    Or,
    Transform,
    Value,
    Values,
)
from tests.rules.grammar import ANCESTORS, LISTS

_SERVICES = {"ssh": 22, "https": 443}
_NUMBERS = ("fd.num", "evt.rawres", "proc.tty", "fd.sport", "fd.port", "fd.proto", "proc.apid")
_EITHER = ("fd.ip", "fd.net", "fd.port", "fd.proto", "fd.sip.name")


def holds(node: Node, record: Mapping[str, Any], macros: Mapping[str, Node] = {}) -> bool:
    """Is the condition true of a record?"""
    match node:
        case And(children):
            return all(holds(child, record, macros) for child in children)
        case Or(children):
            return any(holds(child, record, macros) for child in children)
        case Not(child):
            return not holds(child, record, macros)
        case Macro(name):
            return holds(macros[name], record, macros)
        case Check():
            return _check(node, record)


def _check(check: Check, record: Mapping[str, Any]) -> bool:
    left = _value(check.left, record)
    if isinstance(left, list) and not left:
        left = None
    right: Any = None
    if isinstance(check.right, Field | Transform | Literal | Items):
        right = _value(check.right, record)
        if right is None:
            return False
    if left is None:
        return False
    if check.operator == "exists":
        return True
    if right is not None:
        return _with_operand(check.operator, left, right)
    assert isinstance(check.right, Value | Values)
    texts = check.right.texts if isinstance(check.right, Values) else (check.right.text,)
    return _with_constants(check, left, texts)


def _with_operand(operator: str, left: Any, right: Any) -> bool:
    if isinstance(left, list):
        found = [value in right for value in left]
        return all(found) if operator == "in" else any(found)
    return _compare("=" if operator in ("in", "intersects") else operator, left, right, str)


def _with_constants(check: Check, left: Any, texts: Sequence[str]) -> bool:
    name = check.left.name if isinstance(check.left, Field) else ""
    key = check.left.key if isinstance(check.left, Field) else ""
    read = _reader(check, name)
    if key in LISTS:
        found = [value in texts for value in left]
        return all(found) if check.operator == "in" else any(found)
    if key in _EITHER and check.operator in ("in", "intersects"):
        # Falco's "in" of fd.ip matches nothing, that of fd.net looks at the first network.
        texts = {"fd.ip": (), "fd.net": texts[:1]}.get(key, texts)
    if key in (*ANCESTORS, "proc.apid") or (key in _EITHER and check.operator != "!="):
        return any(_one(check, value, texts, read) for value in left)
    if key in _EITHER:
        return all(_one(check, value, texts, read) for value in left)
    return _one(check, left, texts, read)


def _one(check: Check, value: Any, texts: Sequence[str], read: Callable[[str], Any]) -> bool:
    if check.operator in ("in", "intersects"):
        return any(_compare("=", value, read(text), read) for text in texts)
    if check.operator == "pmatch":
        return any(_is_beneath(value, text) for text in texts)
    found = [_compare(check.operator, value, read(text), read) for text in texts]
    match check.modifier:
        case "oneof":
            return found.count(True) == 1
        case "allof":
            return bool(found) and all(found)
        case _:
            return any(found)


def _reader(check: Check, name: str) -> Callable[[str], Any]:
    """How a constant is read for the left side."""
    if isinstance(check.left, Transform) and check.left.name == "len":
        return lambda text: int(text, 0)
    if name in _NUMBERS:
        return lambda text: _SERVICES[text] if text in _SERVICES else int(text, 0)
    if name == "evt.is_open_read":
        return lambda text: text == "true"
    if name == "evt.buffer":
        if check.operator in ("bcontains", "bstartswith"):
            return bytes.fromhex
        return str.encode
    if name in ("fd.sip", "fd.ip"):
        return ipaddress.ip_address
    if name in ("fd.snet", "fd.net"):
        return lambda text: ipaddress.ip_network(text, strict=False)
    return str


def _compare(operator: str, left: Any, right: Any, read: Callable[[str], Any]) -> bool:
    if isinstance(right, ipaddress.IPv4Network | ipaddress.IPv6Network):
        inside = ipaddress.ip_address(left) in right
        return not inside if operator == "!=" else inside
    if isinstance(right, ipaddress.IPv4Address | ipaddress.IPv6Address):
        left = ipaddress.ip_address(left)
    match operator:
        case "=" | "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "contains" | "bcontains":
            return right in left
        case "icontains":
            return _lower(right) in _lower(left)
        case "startswith" | "bstartswith":
            return bool(left[: len(right)] == right)
        case "endswith":
            return not right or bool(left[-len(right) :] == right)
        case "glob":
            return _globs(right, left)
        case "iglob":
            return _globs(_lower(right), _lower(left))
        case "regex":
            return re.fullmatch(right, left, re.DOTALL) is not None
    if isinstance(left, str):
        left, right = _bytes(left), _bytes(right)
    return bool(
        {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]
    )


def _globs(pattern: str, text: str) -> bool:
    """``*``, ``?`` and the backslash only; a slash is like any other character."""
    if not pattern:
        return not text
    if pattern[0] == "\\":
        return pattern[1:2] == text[:1] != "" and _globs(pattern[2:], text[1:])
    if pattern[0] == "*":
        return any(_globs(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and _globs(pattern[1:], text[1:])


def _is_beneath(path: str, prefix: str) -> bool:
    wanted = [name for name in prefix.split("/") if name]
    found = [name for name in path.split("/") if name]
    if len(wanted) > len(found):
        return False
    return all(_globs(one, other) for one, other in zip(wanted, found, strict=False))


def _lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def _upper(text: str) -> str:
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in text)


def _value(operand: Operand, record: Mapping[str, Any]) -> Any:
    match operand:
        case Field():
            return record.get(operand.key)
        case Literal(text):
            return text
        case Items(items):
            values = [_value(item, record) for item in items]
            return None if None in values else values
    values = [_value(argument, record) for argument in operand.arguments]
    if None in values:
        return None
    first = values[0]
    match operand.name:
        case "val":
            return first
        case "tolower":
            return _lower(first)
        case "toupper":
            return _upper(first)
        case "basename":
            return first.split("/")[-1]
        case "len":
            return len(_bytes(first)) if isinstance(first, str) else len(first)
        case "join":
            return first.join(values[1])
        case "concat":
            return "".join(values)
        case "b64":
            return _decoded(first)
        case "getopt":
            assert operand.key
            return _option(first.split(), operand.key)
    raise AssertionError(operand)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoded(text: str) -> str | None:
    bare = text.rstrip("=")
    try:
        found = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:
        return None
    return found.decode("utf-8", "surrogateescape")


def _option(words: list[str], wanted: str) -> str | None:
    """Of "ab:": -a is a flag, -b takes a value, here or in the next word."""
    found = None
    while words:
        word = words.pop(0)
        if word == "--":
            break
        if word[:1] != "-" or word == "-":
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter == "b":
                value = letters or (words.pop(0) if words else "")
                found = value if wanted == "b" else found
                break
            found = "" if letter == wanted else found
    return found
