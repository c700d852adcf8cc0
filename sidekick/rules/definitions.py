"""What rule files define: rules, macros, lists, exceptions, as they were written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sidekick.model import Priority
from sidekick.rules.findings import Context

Entry: TypeAlias = "str | list[Entry]"
"""What stands under ``fields``, ``comps`` or in ``values``: a text, or a list of such."""

SYSCALL = "syscall"
K8S_AUDIT = "k8s_audit"


@dataclass(slots=True)
class ListDefinition:
    """``index`` is when it was first defined, ``visible_from`` when it was last changed."""

    name: str
    items: list[str]
    context: Context
    index: int = 0
    visible_from: int = 0


@dataclass(slots=True)
class MacroDefinition:
    """As for lists; a macro sees those whose index is below its ``visible_from``."""

    name: str
    condition: str
    context: Context
    condition_context: Context
    index: int = 0
    visible_from: int = 0


@dataclass(slots=True)
class ExceptionDefinition:
    """An exception of a rule; None for what was not written."""

    name: str
    fields: Entry | None
    comps: Entry | None
    values: list[Entry]
    context: Context


@dataclass(slots=True)
class RuleDefinition:
    """A rule as it stands after all that was appended to it and replaced in it."""

    name: str
    condition: str
    output: str
    description: str
    priority: Priority
    context: Context
    condition_context: Context
    output_context: Context
    source: str = SYSCALL
    enabled: bool = True
    tags: frozenset[str] = frozenset()
    exceptions: list[ExceptionDefinition] = field(default_factory=list)
    warn_evttypes: bool = True
    skip_if_unknown_filter: bool = False
    capture: bool = False
    capture_duration: int = 0
    known_source: bool = True


@dataclass(slots=True)
class RuleUpdate:
    """What is appended to a rule or replaced in it; None for what stays."""

    name: str
    context: Context
    condition: str | None = None
    condition_context: Context | None = None
    output: str | None = None
    description: str | None = None
    priority: Priority | None = None
    tags: frozenset[str] | None = None
    exceptions: list[ExceptionDefinition] | None = None
    enabled: bool | None = None
    warn_evttypes: bool | None = None
    skip_if_unknown_filter: bool | None = None
    capture: bool | None = None
    capture_duration: int | None = None

    @property
    def empty(self) -> bool:
        """Does it change nothing?"""
        values = (getattr(self, name) for name in UPDATABLE)
        return all(value is None for value in values)


UPDATABLE = (
    *("condition", "output", "description", "priority", "tags", "exceptions", "enabled"),
    *("warn_evttypes", "skip_if_unknown_filter", "capture", "capture_duration"),
)
