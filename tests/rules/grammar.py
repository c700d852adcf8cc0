"""Random conditions over the whole grammar, with random records of the fields that they read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from sidekick.rules.ast import (
    And,
    Check,
    Field,
    Items,
    Literal,
    Node,
    Not,
    Operand,
    Or,
    Transform,
    Value,
    Values,
)

WORDS = st.one_of(
    st.sampled_from(["", "a", "b", "ab", "A", "aB", "/a", "/a/b", "a b", "a=b", "<NA>", "é", "10"]),
    st.text("ab/. \"'\\(),=é\n", max_size=5),
)
PATTERNS = st.text("ab/*?", max_size=5)
EXPRESSIONS = st.lists(
    st.sampled_from(["a", "b", ".", "[ab]", "a*", "(a|b)", "b+", "/"]), max_size=4
).map("".join)
PATHS = st.lists(st.sampled_from(["a", "b", "*", "a?"]), max_size=3).map(
    lambda p: "/".join(["", *p])
)
NUMBERS = st.sampled_from([0, 1, 2, 10, -1, 255])
COUNTS = st.sampled_from([0, 1, 2, 10, 255])
PORTS = st.sampled_from([0, 22, 443])
ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "192.168.1.1", "::1", "fe80::1"])
NETWORKS = st.sampled_from(["10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "::/0", "fe80::/10"])
BUFFERS = st.sampled_from([b"", b"ab", b"\xca\xfe\xba\xbe", b"xaby"])

TEXTS = ("proc.name", "proc.pname", "fd.name", "proc.aname[1]", "evt.arg.flags", "proc.env[A B]")
ANCESTORS = ("proc.aname", "proc.aexepath")
LISTS = ("fd.types", "ka.user.groups")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(TEXTS, WORDS),
    "fd.num": NUMBERS,
    "evt.rawres": NUMBERS,
    "proc.tty": COUNTS,
    "evt.is_open_read": st.booleans(),
    "fd.sport": PORTS,
    "fd.sip": ADDRESSES,
    "fd.snet": ADDRESSES,
    "evt.buffer": BUFFERS,
    **dict.fromkeys(LISTS, st.lists(WORDS, max_size=3)),
    **dict.fromkeys(ANCESTORS, st.lists(WORDS, max_size=3)),
    "proc.apid": st.lists(NUMBERS, max_size=3),
    "fd.ip": st.lists(ADDRESSES, max_size=2),
    "fd.net": st.lists(ADDRESSES, max_size=2),
    "fd.port": st.lists(PORTS, max_size=2),
    "fd.proto": st.lists(PORTS, max_size=2),
    "fd.sip.name": st.lists(WORDS, max_size=2),
}
"""What a record may hold for each field that conditions read here, beside None."""

RECORDS = st.fixed_dictionaries({key: st.none() | values for key, values in VALUES.items()})

_EQUAL = ("=", "==", "!=")
_TEXT_OPERATORS = (*_EQUAL, "contains", "icontains", "startswith", "endswith")
_ORDER = ("<", "<=", ">", ">=")
_MODIFIERS = st.sampled_from(["", "", "", "oneof", "anyof", "allof"])


def field(key: str) -> Field:
    """The field of a key."""
    name, bracket, argument = key.partition("[")
    return Field(name, argument.removesuffix("]") if bracket else None)


def _fields(*keys: str) -> st.SearchStrategy[Field]:
    return st.sampled_from([field(key) for key in keys])


def _texts(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    return st.one_of(numbers.map(str), numbers.filter(lambda n: n >= 0).map(hex))


@st.composite
def _compared(
    draw: st.DrawFn,
    left: st.SearchStrategy[Operand],
    operators: Sequence[str],
    constants: st.SearchStrategy[str],
) -> Check:
    """``left operator [modifier] constants``."""
    found, operator = draw(left), draw(st.sampled_from(operators))
    if operator == "exists":
        return Check(found, operator)
    if operator in ("in", "intersects", "pmatch"):
        return Check(found, operator, Values(tuple(draw(st.lists(constants, max_size=3)))))
    modifier = "" if operator in _ORDER else draw(_MODIFIERS)
    if modifier:
        texts = tuple(draw(st.lists(constants, max_size=3)))
        return Check(found, operator, Values(texts), modifier)
    return Check(found, operator, Value(draw(constants)))


_LITERALS = WORDS.map(Literal)
_TEXT = _fields("proc.name", "proc.pname", "fd.name")
_LIST_FIELDS = _fields(*LISTS)
_ITEMS = st.lists(_TEXT | _LITERALS, max_size=3).map(lambda items: Items(tuple(items)))


def _call(name: str, *arguments: st.SearchStrategy[Operand]) -> st.SearchStrategy[Operand]:
    return st.tuples(*arguments).map(lambda found: Transform(name, found))


def _of_text(inner: st.SearchStrategy[Operand]) -> st.SearchStrategy[Operand]:
    return st.one_of(
        *(_call(name, inner) for name in ("tolower", "toupper", "basename", "b64")),
        _call("concat", inner, inner | _LITERALS),
        _call("join", _LITERALS, _LIST_FIELDS | _ITEMS),
    )


TRANSFORMED = st.recursive(_of_text(_TEXT), _of_text, max_leaves=3)
_LENGTHS = _call("len", TRANSFORMED | _TEXT | _LIST_FIELDS | _fields("evt.buffer"))
_GETOPT = st.sampled_from("ab").map(
    lambda letter: Transform("getopt", (field("fd.name"), Literal("ab:")), letter)
)
_BY_NUMBER = ("fd.num", "evt.rawres", "proc.tty")
_NUMBER_OPERATORS = (*_EQUAL, *_ORDER, "in", "intersects", "exists")


def _pairs() -> st.SearchStrategy[Check]:
    """Checks with another field or a transformer on the right."""

    def val(fields: st.SearchStrategy[Field]) -> st.SearchStrategy[Operand]:
        return fields.map(lambda found: Transform("val", (found,)))

    text = (*_TEXT_OPERATORS, "glob", "iglob", "in", "intersects")
    return st.one_of(
        st.builds(Check, _TEXT, st.sampled_from(text), val(_TEXT) | TRANSFORMED),
        st.builds(Check, TRANSFORMED, st.sampled_from(text), val(_TEXT)),
        st.builds(Check, _fields("fd.num"), st.sampled_from(_NUMBER_OPERATORS[:-1]),
                  val(_fields("evt.rawres"))),
        st.builds(Check, _LIST_FIELDS, st.sampled_from(["in", "intersects"]),
                  val(_fields("ka.user.groups"))),
    )  # fmt: skip


CHECKS: st.SearchStrategy[Check] = st.one_of(
    _compared(_fields(*TEXTS), (*_TEXT_OPERATORS, "in", "intersects", "exists"), WORDS),
    _compared(_fields(*TEXTS), _ORDER, _texts(NUMBERS)),
    _compared(_fields(*TEXTS), ("glob", "iglob"), PATTERNS),
    _compared(_fields(*TEXTS), ("regex",), EXPRESSIONS),
    _compared(_fields("fd.name", "proc.aexepath"), ("pmatch",), PATHS),
    _compared(TRANSFORMED, (*_TEXT_OPERATORS, "in", "exists"), WORDS),
    _compared(_GETOPT, ("=", "!=", "exists"), WORDS),
    _compared(_LENGTHS, _NUMBER_OPERATORS, _texts(COUNTS)),
    _compared(_fields(*_BY_NUMBER[:2]), _NUMBER_OPERATORS, _texts(NUMBERS)),
    _compared(_fields("proc.tty"), _NUMBER_OPERATORS, _texts(COUNTS)),
    _compared(_fields("evt.is_open_read"), (*_EQUAL, "in", "exists"),
              st.sampled_from(["true", "false"])),
    _compared(_fields("fd.sport", "fd.port", "fd.proto"), _NUMBER_OPERATORS, _texts(PORTS)),
    _compared(_fields("fd.sport", "fd.port"), (*_EQUAL, "in"), st.sampled_from(["ssh", "https"])),
    _compared(_fields("fd.sip", "fd.ip"), (*_EQUAL, "in", "intersects", "exists"), ADDRESSES),
    _compared(_fields("fd.snet", "fd.net"), (*_EQUAL, "in", "intersects", "exists"), NETWORKS),
    _compared(_fields("evt.buffer"), (*_EQUAL, "contains", "startswith", "endswith", "in"),
              st.sampled_from(["", "ab", "x"])),
    _compared(_fields("evt.buffer"), ("bcontains", "bstartswith"),
              st.sampled_from(["", "cafe", "CAFEBABE", "6162"])),
    _compared(_fields(*LISTS), ("in", "intersects", "exists"), WORDS),
    _compared(_fields(*ANCESTORS), (*_TEXT_OPERATORS, "in", "intersects", "exists"), WORDS),
    _compared(_fields("proc.apid"), _NUMBER_OPERATORS, _texts(NUMBERS)),
    _compared(_fields("fd.sip.name"), ("=", "!=", "in", "exists"), WORDS),
    _pairs(),
)  # fmt: skip
"""Checks of every operator with every type and shape that has it."""

TYPES = ("open", "openat", "execve", "close")
TYPE_CHECKS = _compared(
    st.just(Field("evt.type")), ("=", "==", "!=", "in"), st.sampled_from(TYPES)
)  # a modifier on evt.type is tried as any other


def trees(leaves: st.SearchStrategy[Node] = CHECKS, size: int = 12) -> st.SearchStrategy[Node]:
    """Conditions of some leaves."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=4).map(lambda found: And(tuple(found))),
            st.lists(inner, min_size=2, max_size=4).map(lambda found: Or(tuple(found))),
            inner.map(Not),
        ),
        max_leaves=size,
    )
