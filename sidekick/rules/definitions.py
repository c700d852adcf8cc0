"""What rule files define: rules, macros, lists, exceptions, as they were written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sidekick.model import Priority
from sidekick.rules.findings import Context

Entry: TypeAlias = "str | list[Entry]"
"""What stands under ``fields``, ``comps`` or in ``values``: a text, or a list of such."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text, and the item of a file that it comes from.

    ``written`` if it is a scalar of the file; what was put together from others is not.
    """

    text: str
    context: Context
    written: bool = True


Written: TypeAlias = list[Piece]
"""A text as it grew by what was appended to it; never empty."""


def text_of(written: Written) -> str:
    """The whole of a text."""
    return "".join(piece.text for piece in written)


def append_to(written: Written, more: Written) -> None:
    """Let a text grow, with a blank between."""
    written.append(Piece(" ", more[0].context, False))
    written += more


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
    condition: Written
    context: Context
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
    condition: Written
    output: Written
    description: Written
    priority: Priority
    context: Context
    source: str = SYSCALL
    enabled: bool = True
    tags: set[str] = field(default_factory=set)
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
    condition: Written | None = None
    output: Written | None = None
    description: Written | None = None
    priority: Priority | None = None
    tags: set[str] | None = None
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
