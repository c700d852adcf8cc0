"""Checks of values whose type is known only when they come: what is in an alert's output fields.

The value decides: text compares as text, numbers as numbers, ``true`` and ``false`` as booleans; a
list has ``in`` and ``intersects`` only. An operator that the value's type does not have is false; a
constant that is none of that type never equals it (so ``!=`` holds). Where the field's declared
type differs, text is read as that type first: an address, a number, a priority.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sidekick.rules.constants import BadConstant, number, parse_constant
from sidekick.rules.fields import FieldKind, FieldType, Shape
from sidekick.rules.network import packed
from sidekick.rules.operators import Namespace, operators_of, pair_test, predicate

Test = Callable[[Any], bool]

_READ_FROM_TEXT: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.ADDRESS: packed,
    FieldType.NETWORK: packed,
    **{type_: number for type_ in FieldType if type_.is_number},
}


def dynamic_test(
    operator: str, modifier: str, texts: Sequence[str], kind: FieldKind, shape: Shape
) -> Test:
    """The test of any JSON value; None is false. Raises ``regex.BadPattern``."""
    if operator == "exists":
        return _exists
    tests: dict[type, Test | None] = {
        str: _text_test(operator, modifier, texts, kind.type),
        int: _scalar_test(FieldType.INT64, operator, modifier, texts, _number(kind.type, operator)),
        bool: _scalar_test(FieldType.BOOL, operator, modifier, texts, _boolean),
    }
    tests[float] = tests[int]

    def scalar(value: Any) -> bool:
        found = tests.get(value.__class__)
        return found is not None and found(value)

    tests[list] = tests[tuple] = _list_test(operator, shape, scalar)
    return scalar


def _exists(value: Any) -> bool:
    return value is not None and value != []


def _number(declared: FieldType, operator: str) -> Callable[[str], Any]:
    """How a constant is read for a number: as one of the declared type (a port has names)."""
    if not declared.is_number:
        return number
    typed = _parser(declared, operator)

    def parse(text: str) -> Any:
        found = typed(text)
        return number(text) if found is None else found

    return parse


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _text_test(
    operator: str, modifier: str, texts: Sequence[str], declared: FieldType
) -> Test | None:
    read = _READ_FROM_TEXT.get(declared)
    if read is None:
        return _scalar_test(FieldType.STRING, operator, modifier, texts, lambda text: text)
    typed = _scalar_test(declared, operator, modifier, texts, _parser(declared, operator))
    if typed is None:
        return None

    def test(value: Any) -> bool:
        known = read(value)
        return known is not None and typed(known)

    return test


def _parser(type_: FieldType, operator: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return parse_constant(text, type_, operator)
        except BadConstant:
            return None

    return parse


def _scalar_test(
    type_: FieldType,
    operator: str,
    modifier: str,
    texts: Sequence[str],
    parse: Callable[[str], Any],
) -> Test | None:
    """The test of one value of a type, where constants that are none of that type stand apart."""
    if operator not in operators_of(type_):
        return None
    constants = [parse(text) for text in texts]
    known = [constant for constant in constants if constant is not None]
    if len(known) == len(constants):
        return predicate(type_, operator, modifier, known)
    # A constant of another type fails every operator but "!=", which it satisfies.
    if operator == "!=":
        return _unequal(modifier, known, len(constants))
    if modifier == "allof":
        return None
    return predicate(type_, operator, modifier, known)


def _unequal(modifier: str, known: Sequence[Any], count: int) -> Test:
    """``!=`` of the one, any, all or exactly one of ``count`` constants, ``known`` among them."""

    def test(value: Any) -> bool:
        different = count - sum(value == constant for constant in known)
        if modifier == "oneof":
            return bool(different == 1)
        return bool(different == count if modifier in ("", "allof") else different > 0)

    return test


def _list_test(operator: str, shape: Shape, scalar: Test) -> Test | None:
    if shape is Shape.ANCESTORS or (shape is Shape.EITHER and operator != "!="):
        return lambda values: any(map(scalar, values))
    if operator == "in" or shape is Shape.EITHER:
        return lambda values: bool(values) and all(map(scalar, values))
    if operator == "intersects":
        return lambda values: any(map(scalar, values))
    return None


def dynamic_pair_test(operator: str) -> Callable[[Any, Any], bool]:
    """The test of two JSON values of the same type; false for others and for None."""
    tests = {
        family: _pair(type_, operator)
        for family, type_ in (
            ("text", FieldType.STRING),
            ("number", FieldType.INT64),
            ("boolean", FieldType.BOOL),
        )
    }
    families = {str: "text", int: "number", float: "number", bool: "boolean"}

    def test(left: Any, right: Any) -> bool:
        if isinstance(left, list) and isinstance(right, list):
            return _lists(operator, left, right)
        family = families.get(left.__class__, "")
        found = tests.get(family)
        return found is not None and families.get(right.__class__) == family and found(left, right)

    return test


def _pair(type_: FieldType, operator: str) -> Callable[[Any, Any], bool] | None:
    if operator not in operators_of(type_):
        return None
    names = Namespace()
    found: Callable[[Any, Any], bool] = eval(
        f"lambda v, w: {pair_test(operator, 'v', 'w', names)}", names
    )
    return found


def _lists(operator: str, left: list[Any], right: list[Any]) -> bool:
    if operator == "in":
        return bool(left) and all(value in right for value in left)
    return operator == "intersects" and any(value in right for value in left)
