"""Random conditions, rule sets and events, small enough that they often meet."""

from __future__ import annotations

from random import Random
from typing import Any

from sidekick.rules.ast import (
    And,
    Check,
    Field,
    Macro,
    Node,
    Not,
    Operand,
    Or,
    Transform,
    Value,
    Values,
)
from tests.rules.reference import ADDRESSES, BYTES, FLAGS, NETWORKS, NUMBERS

TYPES = ("open", "openat", "close", "connect")
TEXTS = ("proc.name", "proc.pname", "fd.name", "proc.aname[2]", "proc.aname")
NAMES = (*TEXTS, "fd.types", *sorted(NUMBERS | FLAGS | ADDRESSES | NETWORKS | BYTES))
_WORDS = ("", "a", "b", "ab", "B", "/a", "/a/b", "/ab", "é")
_IPS = ("10.0.0.1", "10.0.0.2", "192.168.1.1", "::1", "fe80::1")
_NETS = ("10.0.0.0/8", "10.0.0.1/32", "192.168.0.0/16", "::/0", "fe80::/10")
_EQUAL = ("=", "==", "!=")
_TEXT = (*_EQUAL, "contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex")
_GLOBS = ("*", "a*", "*b", "?", "/?/*", "A*", "*/*")
_PATTERNS = ("a+", ".*", "(a|b)b", "/[a-z]", "b?")


def value(random: Random, name: str) -> Any:
    """A value that a field may have; None is one of them."""
    if random.random() < 0.2:
        return None
    if name in ("proc.aname", "fd.types"):
        return random.choices(_WORDS, k=random.randrange(3)) or None
    if name in ("fd.ip", "fd.net"):
        return random.sample(_IPS, random.randrange(1, 3))
    if name == "fd.port":
        return random.sample((0, 80, 443), random.randrange(1, 3))
    if name in ADDRESSES | NETWORKS:
        return random.choice(_IPS)
    if name in NUMBERS:
        return random.choice((0, 1, 2, 80))
    if name in FLAGS:
        return random.random() < 0.5
    return random.choice(_WORDS).encode() if name in BYTES else random.choice(_WORDS)


def event(random: Random) -> dict[str, Any]:
    """The fields of an event."""
    return {name: value(random, name) for name in NAMES} | {"evt.type": random.choice(TYPES)}


def check(random: Random) -> Check:
    """A check that compiles."""
    if random.random() < 0.2:
        return _of_type(random)
    name = random.choice(NAMES)
    left = _field(name)
    if random.random() < 0.1:
        return Check(left, "exists")
    if name == "fd.types":
        return Check(left, random.choice(("in", "intersects")), _constants(random, name))
    if name in TEXTS and name != "proc.aname" and random.random() < 0.2:
        return _of_texts(random, left)
    if random.random() < 0.35:
        return Check(left, random.choice(("in", "intersects")), _constants(random, name))
    operator = _operator(random, name)
    if operator == "pmatch":
        return Check(left, operator, Values(tuple(random.choices(("/a", "/a/b", "/*"), k=2))))
    if operator[0] not in "<>" and random.random() < 0.2:
        modifier = random.choice(("oneof", "anyof", "allof"))
        return Check(left, operator, _constants(random, name, operator), modifier)
    return Check(left, operator, Value(_constant(random, name, operator)))


def _of_type(random: Random) -> Check:
    left = Field("evt.type")
    match random.randrange(4):
        case 0:
            return Check(left, "in", Values(tuple(random.sample(TYPES, random.randrange(4)))))
        case 1:
            return Check(left, "!=", Value(random.choice(TYPES)))
        case 2:
            return Check(left, "startswith", Value(random.choice(("op", "c"))))
    return Check(left, "=", Value(random.choice(TYPES)))


def _of_texts(random: Random, left: Operand) -> Check:
    """With a transformer or another field."""
    operator = random.choice(("=", "!=", "startswith", "contains"))
    transformer = random.choice(("tolower", "toupper", "basename"))
    match random.randrange(3):
        case 0:
            left = Transform(transformer, (_field(random.choice(("proc.name", "fd.name"))),))
            return Check(left, operator, Value(random.choice(_WORDS)))
        case 1:
            right = Transform(transformer, (_field("proc.pname"),))
            return Check(_field("proc.name"), operator, right)
    return Check(_field("fd.name"), operator, Transform("val", (_field("proc.pname"),)))


def _field(name: str) -> Field:
    base, _, argument = name.partition("[")
    return Field(base, argument[:-1] or None)


def _operator(random: Random, name: str) -> str:
    if name in ("fd.port", *ADDRESSES, *NETWORKS, *FLAGS):
        return random.choice(("=", "!="))
    if name in NUMBERS:
        return random.choice(("=", "!=", "<", "<=", ">", ">="))
    if name in BYTES:
        return random.choice(("=", "!=", "contains", "startswith", "bcontains", "bstartswith"))
    return random.choice((*_TEXT, "pmatch"))


def _constants(random: Random, name: str, operator: str = "=") -> Values:
    count = random.randrange(4)
    return Values(tuple(_constant(random, name, operator) for _ in range(count)))


def _constant(random: Random, name: str, operator: str) -> str:
    if name in NETWORKS:
        return random.choice(_NETS)
    if name in ADDRESSES:
        return random.choice(_IPS)
    if name in NUMBERS:
        return random.choice(("0", "1", "2", "0x50"))
    if name in FLAGS:
        return random.choice(("true", "false"))
    if name in BYTES and operator.startswith("b"):
        return random.choice(("61", "6162", "c3a9"))
    if operator in ("glob", "iglob"):
        return random.choice(_GLOBS)
    return random.choice(_PATTERNS if operator == "regex" else _WORDS)


def condition(random: Random, macros: list[str], depth: int = 4) -> Node:
    """A condition that may use some macros."""
    draw = random.random()
    if macros and draw < 0.25:
        return Macro(random.choice(macros))
    if depth == 0 or draw < 0.4:
        return check(random)
    if draw < 0.55:
        return Not(condition(random, macros, depth - 1))
    children = tuple(condition(random, macros, depth - 1) for _ in range(random.randrange(2, 4)))
    return And(children) if draw < 0.8 else Or(children)
