"""Conditions as Python functions: one expression per condition, decided when it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sidekick.errors import ConditionError
from sidekick.rules.alert_fields import ALERT_FIELDS
from sidekick.rules.ast import And, Check, Macro, Node, Not, Or, Part, branches, fold
from sidekick.rules.checks import Checks
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.operators import Namespace
from sidekick.rules.parser import parse
from sidekick.rules.printer import canonical

_DEPTH = 40
"""Deeper nesting becomes a function of its own: Python's compiler takes about a hundred levels."""


class Record(dict[str, Any]):
    """A record whose absent fields are None; what conditions read may be any such mapping."""

    def __missing__(self, key: str) -> None:
        return None


class Condition:
    """A compiled condition: call it with a record, the values of fields by their full text.

    ``test`` is the bare function, for records that have None for an absent field themselves;
    ``fields`` the keys that it reads; ``text`` the condition as Falco prints it.
    """

    __slots__ = ("fields", "test", "text")

    def __init__(
        self, test: Callable[[Mapping[str, Any]], bool], fields: frozenset[str], text: str
    ) -> None:
        self.test = test
        self.fields = fields
        self.text = text

    def __call__(self, record: Mapping[str, Any]) -> bool:
        return self.test(Record(record) if record.__class__ is dict else record)

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"


def compile_condition(text: str, fields: FieldRegistry = ALERT_FIELDS) -> Condition:
    """The condition that a text is; raises ConditionError with its place in the text."""
    return compile_tree(parse(text), fields)


def compile_tree(tree: Node, fields: FieldRegistry) -> Condition:
    """The condition that a tree without macros is; raises ConditionError."""
    names = Namespace()
    checks = Checks(fields, names)
    code = fold(tree, _Builder(checks, names).combine, branches).code
    return Condition(_function(code, names), frozenset(checks.operands.keys), canonical(tree))


class _Code(NamedTuple):
    code: str
    depth: int = 0


class _Builder:
    def __init__(self, checks: Checks, names: Namespace) -> None:
        self._checks = checks
        self._names = names

    def combine(self, node: Part, inside: list[_Code]) -> _Code:
        match node:
            case And():
                return self._nested(" and ".join, inside)
            case Or():
                return self._nested(" or ".join, inside)
            case Not():
                return self._nested(lambda codes: f"not {codes[0]}", inside)
            case Check():
                return _Code(self._checks.code(node))
            case Macro():
                raise ConditionError(f"undefined macro '{node.name}'", *node.place)
        raise AssertionError(node)

    def _nested(self, build: Callable[[Sequence[str]], str], inside: list[_Code]) -> _Code:
        codes = [self._flat(part) for part in inside]
        depth = max(part.depth for part in inside)
        return _Code(f"({build(codes)})", 1 if depth >= _DEPTH else depth + 1)

    def _flat(self, part: _Code) -> str:
        if part.depth < _DEPTH:
            return part.code
        return f"{self._names.bind(_function(part.code, self._names))}(r)"


def _function(code: str, names: Namespace) -> Callable[[Mapping[str, Any]], bool]:
    found: Callable[[Mapping[str, Any]], bool] = eval(f"lambda r: {names.finish(code)}", names)
    return found
