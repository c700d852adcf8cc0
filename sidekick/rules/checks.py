"""One check as a Python expression over a record ``r``: the rule of NULL, by shape and type."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from sidekick.errors import ConditionError
from sidekick.rules.ast import Check, Field, Operand, Place, Value, Values
from sidekick.rules.constants import BadConstant, parse_constant
from sidekick.rules.dynamic import dynamic_pair_test, dynamic_test
from sidekick.rules.fields import FieldKind, FieldRegistry, FieldType, Resolved, Shape
from sidekick.rules.operands import Expression, Operands
from sidekick.rules.operators import (
    EQUALITY,
    LIST,
    Namespace,
    Refused,
    operators_of,
    pair_test,
    predicate,
    require,
    test,
)
from sidekick.rules.regex import BadPattern

_MEMBERSHIP = frozenset({"in", "intersects"})
_FALSE_FOR_NONE = EQUALITY - {"!=", "exists"}
"""Their code is false for None anyhow."""


class Checks:
    """Compiles the checks of one condition; ``operands.keys`` are the fields they read."""

    def __init__(self, fields: FieldRegistry, names: Namespace) -> None:
        self.operands = Operands(fields, names)
        self._fields = fields
        self._names = names

    def code(self, check: Check) -> str:
        """The expression of a check, always a bool; raises ConditionError at its place."""
        try:
            return self._code(check)
        except (Refused, BadPattern) as fault:
            raise ConditionError(str(fault), *check.place) from None

    def _code(self, check: Check) -> str:
        left, right = check.left, check.right
        if right is not None and not isinstance(right, Value | Values):
            return self._pair(check, left, right)
        texts, place = self._texts(check)
        if not isinstance(left, Field):
            found = self.operands.left(left)
            return self._constants(check, found, FieldKind(found.type), texts, place)
        resolved = self._fields.resolve(left)
        self._require(check.operator, resolved, left.key)
        self._known(resolved.kind, left.key, check.operator, texts, place)
        if resolved.kind.loose:
            return self._loose(check, resolved, texts, place)
        return self._constants(check, self.operands.field(left), resolved.kind, texts, place)

    def _texts(self, check: Check) -> tuple[Sequence[str], Place]:
        right = check.right
        if right is None:
            return (), check.place
        if isinstance(right, Values):
            return right.texts, right.place
        assert isinstance(right, Value)
        if check.modifier or check.operator in (*_MEMBERSHIP, "pmatch"):
            raise ConditionError(f"undefined list '{right.text}'", *right.place)
        return (right.text,), right.place

    def _require(self, operator: str, found: Resolved, name: str) -> None:
        if found.shape is Shape.LIST:
            require(operator, LIST, f"the list '{name}'")
        allowed = found.kind.operators or operators_of(found.kind.type)
        require(operator, allowed, f"'{name}', which is {found.kind.type.value}")

    def _known(
        self, kind: FieldKind, name: str, operator: str, texts: Sequence[str], place: Place
    ) -> None:
        if kind.constants is None or operator not in EQUALITY:
            return
        for text in texts:
            if text not in kind.constants:
                what = "event type" if name in ("evt.type", "syscall.type") else f"value of {name}"
                near = difflib.get_close_matches(text[:80], kind.constants, 1, 0.75)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                raise ConditionError(f"unknown {what} {text}{hint}", *place)

    def _parsed(
        self, texts: Sequence[str], type_: FieldType, operator: str, place: Place
    ) -> list[Any]:
        try:
            return [parse_constant(text, type_, operator) for text in texts]
        except BadConstant as fault:
            raise ConditionError(str(fault), *place) from None

    # -- with constants ----------------------------------------------------------------------

    def _loose(self, check: Check, found: Resolved, texts: Sequence[str], place: Place) -> str:
        self._parsed(texts, found.kind.type, check.operator, place)
        try:
            known = dynamic_test(check.operator, check.modifier, texts, found.kind, found.shape)
        except BadPattern as fault:
            raise ConditionError(str(fault), *place) from None
        return f"{self._names.bind(known)}({self.operands.read(found.key)})"

    def _constants(
        self, check: Check, left: Expression, kind: FieldKind, texts: Sequence[str], place: Place
    ) -> str:
        operator = check.operator
        if operator == "exists":
            return f"({left.code} is not None)" if left.shape is Shape.ONE else f"bool({left.code})"
        allowed = LIST if left.shape is Shape.LIST else kind.operators or operators_of(left.type)
        require(operator, allowed, left.type.value)
        constants = self._parsed(texts, left.type, operator, place)
        if left.shape is Shape.EITHER and operator in _MEMBERSHIP:
            constants = _counted(kind, constants)
        match left.shape:
            case Shape.ONE:
                return self._one(operator, check.modifier, left, constants)
            case Shape.LIST:
                return self._list(operator, left, constants)
            case Shape.ANCESTORS | Shape.EITHER:
                return self._some(operator, check.modifier, left, constants)

    def _one(self, operator: str, modifier: str, left: Expression, constants: Sequence[Any]) -> str:
        null_is_false = operator in _FALSE_FOR_NONE and modifier in ("", "anyof")
        if null_is_false and left.type is not FieldType.NETWORK:
            return test(left.type, operator, modifier, constants, left.code, self._names)
        code = test(left.type, operator, modifier, constants, "v", self._names)
        return f"((v := {left.code}) is not None and {code})"

    def _list(self, operator: str, left: Expression, constants: Sequence[Any]) -> str:
        members = self._names.bind(frozenset(constants))
        if operator == "in":
            return f"(bool(v := {left.code}) and {members}.issuperset(v))"
        return f"(not {members}.isdisjoint({left.code} or ()))"

    def _some(
        self, operator: str, modifier: str, left: Expression, constants: Sequence[Any]
    ) -> str:
        """Some value satisfies the operator; ``!=`` of either endpoint must hold for both."""
        held = self._names.bind(predicate(left.type, operator, modifier, constants))
        if left.shape is Shape.EITHER and operator == "!=":
            return f"(bool(v := {left.code}) and all(map({held}, v)))"
        return f"any(map({held}, {left.code} or ()))"

    # -- with another field ------------------------------------------------------------------

    def _pair(self, check: Check, left_node: Operand, right_node: Operand) -> str:
        operator = check.operator
        left = (
            self.operands.field(left_node)
            if isinstance(left_node, Field)
            else self.operands.left(left_node)
        )
        right = self.operands.right(right_node)
        self._require_pair(operator, left, right)
        if left.loose or right.loose or FieldType.DYNAMIC in (left.type, right.type):
            return f"{self._names.bind(dynamic_pair_test(operator))}({left.code}, {right.code})"
        both = f"(v := {left.code}) is not None and (w := {right.code}) is not None"
        if left.shape is Shape.LIST:
            if operator == "in":
                return f"({both} and bool(v) and set(w).issuperset(v))"
            return f"({both} and not set(w).isdisjoint(v))"
        return f"({both} and {pair_test(operator, 'v', 'w', self._names)})"

    def _require_pair(self, operator: str, left: Expression, right: Expression) -> None:
        if operator in ("pmatch", "regex") or FieldType.NETWORK in (left.type, right.type):
            raise Refused(f"'{operator}' does not compare {left.type.value} with another field")
        same_type = left.type is right.type or FieldType.DYNAMIC in (left.type, right.type)
        if not same_type or left.shape is not right.shape:
            raise Refused(
                f"cannot compare {_described(left)} with {_described(right)}: "
                "both sides must be of the same type"
            )
        allowed = LIST if left.shape is Shape.LIST else operators_of(left.type)
        require(operator, allowed, _described(left))


def _counted(kind: FieldKind, constants: list[Any]) -> list[Any]:
    match kind.in_matches:
        case "none":
            return []
        case "first":
            return constants[:1]
        case _:
            return constants


def _described(found: Expression) -> str:
    return (
        found.type.value if found.shape is Shape.ONE else f"several values, each {found.type.value}"
    )
