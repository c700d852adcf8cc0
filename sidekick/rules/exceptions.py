"""Exceptions of rules as the condition that they add: ``and not (...)``, as Falco builds it."""

from __future__ import annotations

from sidekick.rules.collect import takes_list
from sidekick.rules.definitions import Entry, ExceptionDefinition
from sidekick.rules.findings import Code, RulesFault
from sidekick.rules.resolve import quote_item


def with_exceptions(condition: str, exceptions: list[ExceptionDefinition]) -> str:
    """The condition of a rule with its exceptions; raises RulesFault."""
    if not exceptions:
        return condition
    added = (exception_condition(exception) for exception in exceptions)
    return f"({condition})" + "".join(f" and not {text}" for text in added if text)


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
