"""What loading rule files gives: rules ready to be matched, and what was found on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidekick.errors import ConditionError
from sidekick.model import Priority
from sidekick.rules.ast import Check
from sidekick.rules.checks import Checks
from sidekick.rules.definitions import RuleDefinition, text_of
from sidekick.rules.event_types import TypeSet
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.findings import FileResult, Finding
from sidekick.rules.graph import Graph
from sidekick.rules.operators import MARK, Namespace
from sidekick.rules.output import Output


class SourceCode:
    """The checks of the rules of one source as code: each is compiled once."""

    def __init__(self, fields: FieldRegistry) -> None:
        self.fields = fields
        self.names = Namespace()
        self.codes: dict[int, str] = {}
        self._checks = Checks(fields, self.names)
        self._faults: dict[int, ConditionError] = {}

    def add(self, number: int, check: Check) -> None:
        """Compile the check of a node of the graph; raises ConditionError."""
        if number in self.codes:
            return
        if number not in self._faults:
            try:
                self.codes[number] = self._checks.code(check)
                return
            except ConditionError as fault:
                self._faults[number] = fault
        raise self._faults[number]

    def keys(self, number: int) -> list[str]:
        """The keys of the record that the check of a node reads."""
        return [self.names.read_keys[int(mark[1])] for mark in MARK.finditer(self.codes[number])]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that can be matched.

    ``index`` is its place in the load order; ``node`` its condition in the graph; ``types`` the
    event types that it can match; ``text`` the condition with its lists and exceptions in place.
    """

    index: int
    definition: RuleDefinition
    node: int
    types: TypeSet
    output: Output
    text: str

    @property
    def name(self) -> str:
        """Its name, which no other rule of the set has."""
        return self.definition.name

    @property
    def description(self) -> str:
        """What it is for, in its author's words."""
        return text_of(self.definition.description)

    @property
    def source(self) -> str:
        """The source of the events that it is for."""
        return self.definition.source

    @property
    def priority(self) -> Priority:
        """Its priority."""
        return self.definition.priority

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, sorted."""
        return tuple(sorted(self.definition.tags))


@dataclass(slots=True)
class RuleSet:
    """All that some rule files define. Rules are there only if ``ok``."""

    results: list[FileResult]
    contents: Mapping[str, str]
    rules: list[Rule] = field(default_factory=list)
    graph: Graph = field(default_factory=Graph)
    sources: dict[str, SourceCode] = field(default_factory=dict)
    macros: dict[str, int] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Was there no error?"""
        return all(not result.errors for result in self.results)

    @property
    def errors(self) -> list[Finding]:
        """All errors, file by file."""
        return [finding for result in self.results for finding in result.errors]

    @property
    def warnings(self) -> list[Finding]:
        """All warnings, file by file."""
        return [finding for result in self.results for finding in result.warnings]

    def rule(self, name: str) -> Rule | None:
        """The rule of a name."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def keys(self, rule: Rule) -> list[str]:
        """The fields that a rule's condition reads, sorted; ``evt.type`` among them."""
        code = self.sources[rule.source]
        return sorted({key for n in self.graph.checks(rule.node) for key in code.keys(n)})

    def as_json(self) -> dict[str, Any]:
        """In the shape of Falco's validation result."""
        return {"falco_load_results": [result.as_json(self.contents) for result in self.results]}
