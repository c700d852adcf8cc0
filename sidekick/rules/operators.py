"""Operators: which types have them, and the Python expression that each one is.

Expressions are about a variable that is not None. Constants go in as literals; what is no literal
(sets, tries, compiled patterns) is bound to a name in the namespace of the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from sidekick.errors import SidekickError
from sidekick.rules import glob, regex
from sidekick.rules.fields import FieldType
from sidekick.rules.network import Networks
from sidekick.rules.paths import PathPrefixes
from sidekick.rules.transformers import lower

EQUALITY = frozenset({"=", "==", "!=", "in", "intersects", "exists"})
ORDER = frozenset({"<", "<=", ">", ">="})
LIST = frozenset({"in", "intersects", "exists"})
_TEXT = EQUALITY | ORDER
_TEXT |= {"contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex", "pmatch"}
_BYTES = EQUALITY | {"contains", "startswith", "endswith", "bcontains", "bstartswith"}

MARK = re.compile("\0([0-9]+)\0")
"""Where a generated code reads the record; the number is an index of ``Namespace.read_keys``."""

_SETS_IN_CODE = 64
"""Up to this size a set is written out, which makes it a constant of the function."""


def operators_of(type_: FieldType) -> frozenset[str]:
    """The operators that one value of a type has."""
    if type_.is_number or type_ is FieldType.PRIORITY:
        return EQUALITY | ORDER
    return _OPERATORS.get(type_, EQUALITY)


_OPERATORS = {
    FieldType.STRING: _TEXT,
    FieldType.BYTES: _BYTES,
    FieldType.DYNAMIC: _TEXT | _BYTES,
}


class Namespace(dict[str, Any]):
    """The globals of a generated function: names for all that is no literal.

    A value of the record is a mark in the code until ``finish`` puts in how it is read: no text of
    a condition can look like one, because the literals of Python write a NUL as an escape.
    """

    def __init__(self) -> None:
        super().__init__()
        self.read_keys: list[str] = []
        self._marks: dict[str, str] = {}

    def read(self, key: str) -> str:
        """The mark for the value of a key."""
        if key not in self._marks:
            self._marks[key] = f"\0{len(self.read_keys)}\0"
            self.read_keys.append(key)
        return self._marks[key]

    def finish(self, code: str, local: Mapping[int, str] | None = None) -> str:
        """The code with its marks replaced by ``local`` variables, else by reading ``r``."""

        def read(mark: re.Match[str]) -> str:
            number = int(mark[1])
            return (local and local.get(number)) or f"r[{self.read_keys[number]!r}]"

        return MARK.sub(read, code)

    def bind(self, value: Any) -> str:
        """A name for a value."""
        name = f"_{len(self)}"
        self[name] = value
        return name

    def literal(self, value: Any) -> str:
        """The code of a constant."""
        if isinstance(value, str | bytes | int) or (isinstance(value, float) and isfinite(value)):
            return repr(value)
        return self.bind(value)

    def members(self, values: Sequence[Any]) -> str:
        """The code of a set of constants, for the right side of ``in``."""
        if len(values) > _SETS_IN_CODE or not values:
            return self.bind(frozenset(values))
        return "{" + ", ".join(map(self.literal, dict.fromkeys(values))) + "}"


def test(
    type_: FieldType,
    operator: str,
    modifier: str,
    constants: Sequence[Any],
    variable: str,
    names: Namespace,
) -> str:
    """The expression of ``variable operator [modifier] constants``; always a bool.

    Without a modifier, only ``in``, ``intersects`` and ``pmatch`` take several constants. Raises
    ``regex.BadPattern``.
    """
    if not constants:
        return "False"
    if operator in ("in", "intersects") or (operator in ("=", "==") and modifier == "anyof"):
        return _member(type_, constants, variable, names)
    if operator == "pmatch":
        return f"{names.bind(PathPrefixes(constants))}({variable})"
    if not modifier:
        return _one(type_, operator, constants[0], variable, names)
    if operator == "!=" and modifier == "allof":
        return f"(not {_member(type_, constants, variable, names)})"
    if operator in ("startswith", "endswith") and modifier == "anyof":
        return f"{variable}.{operator}({tuple(constants)!r})"
    return _several(type_, operator, modifier, constants, variable, names)


def _member(type_: FieldType, constants: Sequence[Any], variable: str, names: Namespace) -> str:
    if type_ is FieldType.NETWORK:
        return f"({variable} in {names.bind(Networks(constants))})"
    if len(constants) == 1:
        return f"({variable} == {names.literal(constants[0])})"
    return f"({variable} in {names.members(constants)})"


def _several(
    type_: FieldType,
    operator: str,
    modifier: str,
    constants: Sequence[Any],
    variable: str,
    names: Namespace,
) -> str:
    tests = [_one(type_, operator, constant, variable, names) for constant in constants]
    if modifier == "oneof":
        return f"({' + '.join(tests)} == 1)"
    return "(" + (" or " if modifier == "anyof" else " and ").join(tests) + ")"


def _one(type_: FieldType, operator: str, constant: Any, variable: str, names: Namespace) -> str:
    if type_ is FieldType.NETWORK:
        word = "not in" if operator == "!=" else "in"
        return f"({variable} {word} {names.bind(Networks([constant]))})"
    if operator in ("glob", "iglob"):
        simple = glob.plain(constant) if operator == "glob" else None
        if simple:
            return _PYTHON[simple[0]].format(v=variable, c=repr(simple[1]))
        return (
            f"({names.bind(glob.matcher(constant, operator == 'iglob'))}({variable}) is not None)"
        )
    if operator == "regex":
        return f"({names.bind(regex.matcher(constant))}({variable}) is not None)"
    if operator == "icontains":
        return f"({lower(constant)!r} in {names.bind(lower)}({variable}))"
    return _PYTHON[operator].format(v=variable, c=names.literal(constant))


_PYTHON = {
    **{op: f"({{v}} {op} {{c}})" for op in ("==", "!=", "<", "<=", ">", ">=")},
    "=": "({v} == {c})",
    "contains": "({c} in {v})",
    "bcontains": "({c} in {v})",
    "startswith": "{v}.startswith({c})",
    "bstartswith": "{v}.startswith({c})",
    "endswith": "{v}.endswith({c})",
}


def pair_test(operator: str, left: str, right: str, names: Namespace) -> str:
    """The expression of two variables of the same type, neither of them None nor a list."""
    if operator in ("in", "intersects"):
        return f"({left} == {right})"
    if operator in ("glob", "iglob"):
        fold = operator == "iglob"
        return f"({names.bind(glob.matcher)}({right}, {fold})({left}) is not None)"
    if operator == "icontains":
        bound = names.bind(lower)
        return f"({bound}({right}) in {bound}({left}))"
    return _PYTHON[operator].format(v=left, c=right)


def predicate(
    type_: FieldType, operator: str, modifier: str, constants: Sequence[Any]
) -> Callable[[Any], bool]:
    """The same test as a function of the value."""
    names = Namespace()
    code = test(type_, operator, modifier, constants, "v", names)
    found: Callable[[Any], bool] = eval(f"lambda v: {code}", names)
    return found


class Refused(SidekickError):
    """The operator does not go with the operand."""


def require(operator: str, allowed: frozenset[str], what: str) -> None:
    """Raise Refused unless the operator is among those that ``what`` has."""
    if operator not in allowed:
        known = " ".join(op for op in _ORDER_OF_PRINT if op in allowed)
        raise Refused(f"'{operator}' operator not supported for {what}; it has {known}")


_ORDER_OF_PRINT = (
    *("=", "!=", "<", "<=", ">", ">=", "contains", "icontains", "bcontains", "startswith"),
    *("bstartswith", "endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch", "exists"),
)
