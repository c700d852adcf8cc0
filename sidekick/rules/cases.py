"""Tests of rules: events, and the alerts that they are to give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidekick.model import Priority


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert that is to come; what is None or empty may be anything."""

    rule: str
    priority: Priority | None = None
    output: str | None = None
    contains: tuple[str, ...] = ()
    fields: Mapping[str, str | None] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One test. ``rule`` is the only rule that is matched, "" for all of them.

    ``events`` are as ``sidekick.rules.neutral`` reads them; ``place`` is "file:line".
    """

    name: str
    place: str
    events: tuple[Mapping[str, Any], ...]
    alerts: tuple[Expected, ...]
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one file; ``rules`` are rule files, relative to it."""

    name: str
    rules: tuple[str, ...]
    every: bool
    cases: tuple[Case, ...]
