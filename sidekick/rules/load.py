"""Loads rule files: all are read first, then lists, macros and rules are put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from sidekick.errors import ConditionError
from sidekick.rules.ast import Check, Node
from sidekick.rules.collect import Collector
from sidekick.rules.conditions import Conditions
from sidekick.rules.definitions import SYSCALL, RuleDefinition, text_of
from sidekick.rules.exceptions import with_exceptions
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.findings import Code, Context, FileResult, Finding, RulesFault
from sidekick.rules.graph import Origin
from sidekick.rules.items import read_file
from sidekick.rules.macros import Macros
from sidekick.rules.output import OutputError, compile_output
from sidekick.rules.resolve import Lists, TooLong
from sidekick.rules.ruleset import Rule, RuleSet, SourceCode
from sidekick.rules.versions import ENGINE_VERSION, PLUGINS, compatible
from sidekick.rules.warnings import condition_warnings, event_type_warning

MOST_ERRORS = 100
"""After so many the rest of the rules is not looked at."""
_UNKNOWN = (
    "nonexistent field",
    "invalid formatting token",
    "unknown event type",
    "unknown filter:",
)
"""What ``skip-if-unknown-filter`` forgives, by Falco's words for it."""


def load(
    texts: Sequence[tuple[str, str]],
    *,
    sources: Mapping[str, FieldRegistry] = SOURCES,
    unread: Sequence[FileResult] = (),
) -> RuleSet:
    """The rules of some texts, each with its name; later ones add to and change earlier ones."""
    collector = Collector(dict(sources), ENGINE_VERSION)
    results = list(unread)
    for name, text in texts:
        result = FileResult(name)
        results.append(result)
        read_file(text, name, collector, result)
    rules = RuleSet(results, dict(texts))
    if rules.ok:
        _Loader(collector, sources, rules).load()
    return rules


class _Loader:
    def __init__(
        self, collector: Collector, sources: Mapping[str, FieldRegistry], rules: RuleSet
    ) -> None:
        self._collector = collector
        self._sources = sources
        self._rules = rules
        self._results = {result.name: result for result in rules.results}
        self._seen: set[Finding] = set()

    def load(self) -> None:
        self._require_plugins()
        try:
            lists = Lists(self._collector.lists)
        except TooLong as fault:
            context = next(iter(self._collector.lists.values())).context
            self._report(Code.LOAD_ERR_VALIDATE, str(fault), context)
            return
        conditions = Conditions(lists, self._rules.graph)
        macros = Macros(self._collector.macros, conditions)
        for finding in islice(macros.load(), MOST_ERRORS):
            self._add(finding)
        if not self._rules.ok:
            return
        self._rules.macros = macros.nodes
        self._rules.lists = {name: lists.items(name) for name in self._collector.lists}
        self._load_rules(_Rules(conditions, macros, self._rules))
        if self._rules.ok:  # else what faulty rules use would be told
            self._tell_unused(macros, lists)

    def _load_rules(self, loader: _Rules) -> None:
        for definition in self._collector.rules.values():
            if len(self._rules.errors) >= MOST_ERRORS:
                return
            if definition.known_source:
                for finding in loader.load(definition, self._sources[definition.source]):
                    self._add(finding)

    def _report(self, code: Code, message: str, context: Context) -> None:
        self._add(Finding(code, message, context))

    def _add(self, finding: Finding) -> None:
        if finding not in self._seen:
            self._seen.add(finding)
            self._results[finding.context.file].add(finding)

    def _require_plugins(self) -> None:
        for context, alternatives in self._collector.required_plugins:
            if not any(
                name in PLUGINS and compatible(PLUGINS[name], version)
                for name, version in alternatives
            ):
                wanted = ", ".join(f"{name} (>= {version})" for name, version in alternatives)
                have = ", ".join(f"{name} {version}" for name, version in PLUGINS.items())
                reason = (
                    f"Plugin requirement not satisfied, must load one of: {wanted}. "
                    f"There are {have}"
                )
                self._report(Code.LOAD_ERR_VALIDATE, reason, context)

    def _tell_unused(self, macros: Macros, lists: Lists) -> None:
        for macro in self._collector.macros.values():
            if macro.name not in macros.used:
                reason = "Macro not referred to by any other rule/macro"
                self._report(Code.LOAD_UNUSED_MACRO, reason, macro.context)
        for found in self._collector.lists.values():
            if found.name not in lists.used:
                reason = "List not referred to by any other rule/macro"
                self._report(Code.LOAD_UNUSED_LIST, reason, found.context)


class _Rules:
    """Compiles rules one by one into a set."""

    def __init__(self, conditions: Conditions, macros: Macros, rules: RuleSet) -> None:
        self._conditions = conditions
        self._macros = macros
        self._rules = rules

    def load(self, definition: RuleDefinition, fields: FieldRegistry) -> Iterator[Finding]:
        """Add a rule to the set; gives what is wrong with it."""
        try:
            tree, origin = self._conditions.parse(with_exceptions(definition))
            node = self._macros.add(tree, origin)
            code = self._rules.sources.setdefault(definition.source, SourceCode(fields))
            yield from self._compile(tree, origin, node, code)
            output = compile_output(text_of(definition.output).strip(), fields)
        except OutputError as fault:
            place = definition.output[0].context
            found = Finding(Code.LOAD_ERR_COMPILE_OUTPUT, str(fault), place)
            yield _forgiven(definition, found)
            return
        except RulesFault as fault:
            yield _forgiven(definition, fault.finding)
            return
        for warning in output.warnings:
            yield Finding(Code.LOAD_DEPRECATED_ITEM, warning, definition.output[0].context)
        types = self._rules.graph.event_types(node)
        warned = definition.source == SYSCALL and definition.warn_evttypes
        if warned and (reason := event_type_warning(types)):
            yield Finding(Code.LOAD_NO_EVTTYPE, reason, definition.context)
        rules = self._rules.rules
        rules.append(Rule(len(rules), definition, node, types, output, origin.text))

    def _compile(
        self,
        tree: Node,
        origin: Origin,
        node: int,
        code: SourceCode,
    ) -> Iterator[Finding]:
        """Compile the checks of a rule; gives warnings, raises RulesFault."""
        graph = self._rules.graph
        for number in graph.checks(node):
            check = graph.nodes[number]
            assert isinstance(check, Check)
            try:
                code.add(number, check)
            except ConditionError as fault:
                raise self._fault(fault, check, tree, origin) from None
            for kind, reason in condition_warnings(check, code.fields):
                found, where = self._macros.find(check, tree, origin)
                yield Finding(kind, reason, self._conditions.context(where, found.place))

    def _fault(self, fault: ConditionError, check: Check, tree: Node, origin: Origin) -> RulesFault:
        found, where = self._macros.find(check, tree, origin)
        # The graph keeps one of equal checks: the fault's place is inside that one.
        line, column = fault.line - check.place.line, fault.column
        if line == 0:
            column += found.place.column - check.place.column
        moved = ConditionError(fault.reason, found.place.line + line, column)
        return self._conditions.fault(moved, where)


def _forgiven(definition: RuleDefinition, finding: Finding) -> Finding:
    """The finding, or the warning that it is for a rule with ``skip-if-unknown-filter``."""
    if definition.skip_if_unknown_filter and any(word in finding.message for word in _UNKNOWN):
        reason = f"{finding.message}; rule '{definition.name}' is skipped"
        return Finding(Code.LOAD_UNKNOWN_FILTER, reason, finding.context)
    return finding
