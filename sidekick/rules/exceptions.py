"""Exceptions of rules: are they sound, and which condition do they add, as Falco builds it?"""

from __future__ import annotations

from sidekick.rules.definitions import Entry, ExceptionDefinition, Piece, RuleDefinition, Written
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.findings import Code, Context, RulesFault
from sidekick.rules.parser import LIST_OPERATORS, MODIFIERS, NUMBER_OPERATORS, TEXT_OPERATORS
from sidekick.rules.resolve import quote_item

_OPERATORS = frozenset((*NUMBER_OPERATORS, *TEXT_OPERATORS, *LIST_OPERATORS))


def complete(exception: ExceptionDefinition, registry: FieldRegistry | None) -> None:
    """Fill in the operators that were left out; raises RulesFault for what makes no sense.

    ``registry`` has the fields of the rule's source, if that is known.
    """
    fields, comps = exception.fields, exception.comps
    if isinstance(fields, list):
        if comps is None:
            comps = exception.comps = ["=" for _ in fields]
        _check_several(fields, comps, exception.context)
        names = [name for name in fields if isinstance(name, str)]
    else:
        if comps is None:
            comps = exception.comps = "in"
        _check_single(comps, exception.context)
        names = [fields] if fields else []
    for name in names:
        # What is in a transformer is looked at when the condition is compiled.
        if registry and "(" not in name and registry.kind(name.partition("[")[0]) is None:
            hint = registry.suggestion(name)
            reason = f"'{name[:80]}' is not a supported filter field{hint}"
            raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, exception.context)


def with_exceptions(rule: RuleDefinition) -> Written:
    """The condition of a rule with its exceptions; raises RulesFault."""
    if not rule.exceptions:
        return rule.condition
    around = rule.condition[0].context
    found = [Piece("(", around, False), *rule.condition, Piece(")", around, False)]
    found += (
        Piece(f" and not {text}", exception.context, False)
        for exception in rule.exceptions
        if (text := exception_condition(exception))
    )
    return found


def exception_condition(exception: ExceptionDefinition) -> str:
    """What one exception matches; "" if it has no values. Raises RulesFault."""
    fields, comps = exception.fields, exception.comps
    if isinstance(fields, list):
        assert isinstance(comps, list)
        found = [_all_fields(exception, fields, comps, values) for values in exception.values]
        return f"({' or '.join(found)})" if found else ""
    for value in exception.values:
        if not isinstance(value, str):
            reason = "Expected values array to contain a list of strings"
            raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, exception.context)
    values = ", ".join(_quoted(value) for value in exception.values)
    return f"({fields} {comps} ({values}))" if values else ""


def _all_fields(
    exception: ExceptionDefinition, fields: list[Entry], comps: list[Entry], values: Entry
) -> str:
    if not isinstance(values, list) or len(values) != len(fields):
        reason = "Fields and values lists must have equal length"
        raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, exception.context)
    return "(" + " and ".join(map(_one_field, fields, comps, values)) + ")"


def _one_field(field: Entry, comp: Entry, value: Entry) -> str:
    assert isinstance(comp, str)
    if isinstance(value, list):
        return f"{field} {comp} ({', '.join(map(_quoted, value))})"
    if takes_list(comp):
        # The name of a list may be written with its parentheses or without.
        return f"{field} {comp} {value if value.startswith('(') else f'({value})'}"
    return f"{field} {comp} {quote_item(value)}"


def _quoted(value: Entry) -> str:
    return quote_item(value if isinstance(value, str) else "")


def _check_several(fields: list[Entry], comps: Entry, context: Context) -> None:
    if not isinstance(comps, list) or len(comps) != len(fields):
        reason = "Fields and comps lists must have equal length"
        raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context)
    for comp in comps:
        if not _is_operator(comp):
            reason = f"'{comp}' is not a supported comparison operator"
            raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context)


def _check_single(comps: Entry, context: Context) -> None:
    if not isinstance(comps, str):
        reason = "Fields and comps must both be strings"
        raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context)
    if comps not in LIST_OPERATORS and not (" " in comps and _is_operator(comps)):
        reason = (
            "When fields is a single value, comps must be one of (in, pmatch, intersects) "
            "or a modifier operator (e.g. startswith oneof)"
        )
        raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context)


def _is_operator(comp: Entry) -> bool:
    """An operator, or one with a modifier such as ``startswith oneof``."""
    if not isinstance(comp, str):
        return False
    operator, _, modifier = comp.partition(" ")
    return operator in _OPERATORS and (not modifier or modifier.strip() in MODIFIERS)


def takes_list(comp: str) -> bool:
    """Does a value of it stand in parentheses?"""
    return comp in LIST_OPERATORS or comp.rpartition(" ")[2] in MODIFIERS
