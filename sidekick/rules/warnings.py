"""What loads, but is probably not what its author meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidekick.rules.ast import Check, Field, Transform, Value, Values, walk
from sidekick.rules.event_types import TypeSet
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.findings import Code
from sidekick.rules.parser import TRANSFORMERS

MANY_TYPES = 100
"""Falco warns of conditions that more event types than this can match."""

_UNSAFE = ("ka.", "jevt.")
_EQUALITY = frozenset({"=", "==", "!=", "in", "intersects", "pmatch"})
_FIELD = re.compile(r"([a-zA-Z][a-zA-Z0-9_.]*)(?:\[[^]]*\])?")
_CALL = re.compile(rf"(?:{'|'.join((*TRANSFORMERS, 'val'))})\(.*\)", re.DOTALL)
_LITERAL = re.compile(r"(?:[^\\.*+?()\[\]{}|^$]|\\[^a-zA-Z0-9])+")
_DEPRECATED = re.compile(r"evt\.(?:dir|wait_latency|latency(?:\..*)?)")


def event_type_warning(types: TypeSet) -> str:
    """Why a rule of system calls that can match so many event types is slow; "" if it is not."""
    count = len(types.known())
    if 0 < count <= MANY_TYPES:
        return ""
    if not count:
        return "Rule matches no evt.type at all: no event can satisfy all that it asks of evt.type"
    return (
        "Rule matches too many evt.type values. This has a significant performance penalty. "
        "Restrict it as in 'evt.type in (execve, execveat)'"
    )


def condition_warnings(check: Check, fields: FieldRegistry) -> Iterator[tuple[Code, str]]:
    """What is doubtful about a check."""
    if reason := _unsafe_comparison(check):
        yield Code.LOAD_UNSAFE_NA_CHECK, reason
    for reason in _misused_constants(check, fields):
        yield Code.LOAD_COMPILE_CONDITION, reason
    if key := _deprecated_field(check):
        reason = f"usage of deprecated field '{key}' has been detected in the rule condition"
        yield Code.LOAD_DEPRECATED_ITEM, reason


def _unsafe_comparison(check: Check) -> str:
    """Why comparing a field of an audit event with <NA> is no test for its absence."""
    left = check.left
    if not (isinstance(left, Field) and left.name.startswith(_UNSAFE)):
        return ""
    if check.operator not in _EQUALITY or "<NA>" not in _texts(check):
        return ""
    return f"'{left.key}' never is <NA>: it is absent then. Write '{left.key} exists' instead"


def _misused_constants(check: Check, fields: FieldRegistry) -> Iterator[str]:
    """Constants that look like something else."""
    for text in _texts(check):
        field = _FIELD.fullmatch(text.strip())
        if field and "." in text and fields.kind(field[1]):
            yield (
                f"'{text}' may be a valid field misused as a const string value; to compare with "
                f"the field write val({text.strip()})"
            )
        elif _CALL.fullmatch(text.strip()):
            yield (
                f"'{text[:80]}' may be a valid field transformer misused as a const string value"
            )
        if check.operator == "regex" and (simpler := _simpler(text)):
            yield (
                f"regex check with '{text[:80]}' may be optimized with simpler operators such as "
                f"'{simpler}'"
            )


def _deprecated_field(check: Check) -> str:
    """A field of a check that will go, as its key; "" if there is none."""
    for operand in (check.left, check.right):
        if isinstance(operand, Field | Transform):
            for node in walk(operand):
                if isinstance(node, Field) and is_deprecated(node.name):
                    return node.key
    return ""


def is_deprecated(name: str) -> bool:
    """Will Falco drop the field?"""
    return _DEPRECATED.fullmatch(name) is not None


def _texts(check: Check) -> tuple[str, ...]:
    match check.right:
        case Value(text=text):
            return (text,)
        case Values(texts=texts):
            return tuple(texts)
    return ()


def _simpler(pattern: str) -> str:
    start, end = pattern.startswith(".*"), pattern.endswith(".*")
    middle = pattern[2 if start else 0 : -2 if end else None]
    if not _LITERAL.fullmatch(middle):
        return ""
    if start and end:
        return "contains"
    return "endswith" if start else "startswith" if end else "="
