"""Loads rule files: all are read first, then lists, macros and rules are put together."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from sidekick.errors import ConditionError
from sidekick.rules.ast import Check, Macro, Node, walk
from sidekick.rules.collect import Collector
from sidekick.rules.definitions import SYSCALL, MacroDefinition, RuleDefinition
from sidekick.rules.exceptions import with_exceptions
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.findings import Code, Context, FileResult, Finding, RulesFault
from sidekick.rules.graph import Origin, UndefinedMacro
from sidekick.rules.items import read_file
from sidekick.rules.output import OutputError, compile_output
from sidekick.rules.parser import parse
from sidekick.rules.resolve import Lists, TooLong
from sidekick.rules.ruleset import Rule, RuleSet, SourceCode
from sidekick.rules.versions import ENGINE_VERSION, PLUGINS, compatible
from sidekick.rules.warnings import (
    deprecated_field,
    event_type_warning,
    misused_constants,
    unsafe_comparison,
)

_UNKNOWN = ("nonexistent field", "invalid formatting token", "unknown event type", "unknown filter")


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
        self._seen: set[tuple[Code, str, Context]] = set()
        self._macros: dict[str, int] = {}
        self._used: set[str] = set()
        self._trees: dict[str, Node] = {}
        self._lists: Lists

    def load(self) -> None:
        self._require_plugins()
        try:
            self._lists = Lists(self._collector.lists)
        except TooLong as fault:
            context = next(iter(self._collector.lists.values())).context
            self._report(Code.LOAD_ERR_VALIDATE, str(fault), context)
            return
        for macro in self._collector.macros.values():
            self._guarded(partial(self._parse_macro, macro))
        if self._rules.ok:
            for name in self._collector.macros:
                self._guarded(partial(self._resolve, name))
        if not self._rules.ok:
            return
        self._rules.macros = dict(self._macros)
        self._rules.lists = {name: self._lists.items(name) for name in self._collector.lists}
        for definition in self._collector.rules.values():
            if definition.known_source:
                self._guarded(partial(self._rule, definition))
        self._tell_unused()

    def _guarded(self, step: Callable[[], None]) -> None:
        """One fault does not hide the next."""
        try:
            step()
        except RulesFault as fault:
            self._add(fault.finding)

    def _report(self, code: Code, message: str, context: Context) -> None:
        self._add(Finding(code, message, context))

    def _add(self, finding: Finding) -> None:
        key = (finding.code, finding.message, finding.context)
        if key not in self._seen:
            self._seen.add(key)
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

    # -- conditions --------------------------------------------------------------------------

    def _parse(self, text: str, context: Context) -> tuple[Node, str]:
        try:
            text = self._lists.substitute(text)
            return parse(text), text
        except ConditionError as fault:
            raise _fault(fault, text, context) from None
        except TooLong as fault:
            raise RulesFault(Code.LOAD_ERR_COMPILE_CONDITION, str(fault), context) from None

    def _parse_macro(self, macro: MacroDefinition) -> None:
        tree, text = self._parse(macro.condition, macro.condition_context)
        self._trees[macro.name] = tree
        self._rules.origins[macro.name] = Origin(text, macro.condition_context)

    def _resolve(self, name: str) -> None:
        """Put a macro into the graph, after those that it uses."""
        path: dict[str, list[str]] = {name: self._needs(name)}
        while path:
            current, waiting = next(reversed(path.items()))
            if current in self._macros or not waiting:
                if current not in self._macros:
                    self._add_macro(current)
                path.popitem()
                continue
            other = waiting.pop()
            if other in path:
                context = self._collector.macros[other].condition_context
                reason = f"reference loop in macro '{other}'"
                raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context)
            path[other] = [] if other in self._macros else self._needs(other)

    def _needs(self, name: str) -> list[str]:
        """The macros that a macro uses and sees."""
        used = {node.name for node in walk(self._trees[name]) if isinstance(node, Macro)}
        return [other for other in used if self._sees(name, other)]

    def _sees(self, name: str, other: str) -> bool:
        macros = self._collector.macros
        return other in macros and macros[other].index < macros[name].visible_from

    def _add_macro(self, name: str) -> None:
        seen = {other: self._macros[other] for other in self._needs(name)}
        self._used.update(seen)
        self._macros[name] = self._node(self._trees[name], seen, self._rules.origins[name])

    def _node(self, tree: Node, macros: Mapping[str, int], origin: Origin) -> int:
        try:
            return self._rules.graph.add(tree, macros, origin)
        except UndefinedMacro as fault:
            line, column = fault.node.place
            reason = f"Undefined macro '{fault.node.name}' used in filter."
            near = _near(fault.node.name, macros)
            place = origin.context.in_condition(
                origin.text, line, column, _offset(origin.text, line, column)
            )
            raise RulesFault(Code.LOAD_ERR_VALIDATE, reason + near, place) from None

    # -- rules -------------------------------------------------------------------------------

    def _rule(self, definition: RuleDefinition) -> None:
        condition = with_exceptions(definition.condition, definition.exceptions)
        tree, text = self._parse(condition, definition.condition_context)
        self._used.update(node.name for node in walk(tree) if isinstance(node, Macro))
        origin = Origin(text, definition.condition_context)
        node = self._node(tree, self._macros, origin)
        code = self._rules.sources.get(definition.source)
        if code is None:
            code = SourceCode(self._sources[definition.source])
            self._rules.sources[definition.source] = code
        try:
            self._compile(definition, tree, origin, node, code)
            output = compile_output(definition.output, code.fields)
        except OutputError as fault:
            found = RulesFault(Code.LOAD_ERR_COMPILE_OUTPUT, str(fault), definition.output_context)
            self._refuse(definition, found)
            return
        except RulesFault as fault:
            self._refuse(definition, fault)
            return
        for warning in output.warnings:
            self._report(Code.LOAD_DEPRECATED_ITEM, warning, definition.output_context)
        types = self._rules.graph.event_types(node)
        warned = definition.source == SYSCALL and definition.warn_evttypes
        if warned and (reason := event_type_warning(types)):
            self._report(Code.LOAD_NO_EVTTYPE, reason, definition.condition_context)
        self._rules.rules.append(
            Rule(len(self._rules.rules), definition, node, types, output, text)
        )

    def _refuse(self, definition: RuleDefinition, fault: RulesFault) -> None:
        finding = fault.finding
        if definition.skip_if_unknown_filter and any(w in finding.message for w in _UNKNOWN):
            finding = Finding(Code.LOAD_UNKNOWN_FILTER, finding.message, finding.context)
        self._add(finding)

    def _compile(
        self,
        definition: RuleDefinition,
        tree: Node,
        origin: Origin,
        node: int,
        code: SourceCode,
    ) -> None:
        graph = self._rules.graph
        for number in graph.checks(node):
            check = graph.nodes[number]
            assert isinstance(check, Check)
            try:
                code.add(number, check)
            except ConditionError as fault:
                place, where, macro = self._place(check, tree, origin)
                used = (
                    f" (in macro '{macro}', which rule '{definition.name}' uses)" if macro else ""
                )
                fault = ConditionError(fault.reason + used, *self._shifted(fault, check, place))
                raise _fault(fault, where.text, where.context) from None
            for kind, reason in self._warnings(check, code):
                place, where, _ = self._place(check, tree, origin)
                line, column = place
                context = where.context.in_condition(
                    where.text, line, column, _offset(where.text, line, column)
                )
                self._report(kind, reason, context)

    def _warnings(self, check: Check, code: SourceCode) -> Iterable[tuple[Code, str]]:
        if reason := unsafe_comparison(check):
            yield Code.LOAD_UNSAFE_NA_CHECK, reason
        for reason in misused_constants(check, code.fields):
            yield Code.LOAD_COMPILE_CONDITION, reason
        if key := deprecated_field(check):
            yield Code.LOAD_DEPRECATED_ITEM, f"field '{key}' is deprecated"

    def _place(
        self, check: Check, tree: Node, origin: Origin
    ) -> tuple[tuple[int, int], Origin, str]:
        """Where a check of a rule is written: in the rule, else in one of its macros."""
        for node in walk(tree):
            if node == check:
                return node.place, origin, ""
        waiting = [node.name for node in walk(tree) if isinstance(node, Macro)]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for node in walk(self._trees[name]):
                if node == check:
                    return node.place, self._rules.origins[name], name
                if isinstance(node, Macro):
                    waiting.append(node.name)
        raise AssertionError(check)

    @staticmethod
    def _shifted(fault: ConditionError, check: Check, place: tuple[int, int]) -> tuple[int, int]:
        """The place of a fault inside a check whose text is at another place."""
        line, column = fault.line - check.place.line, fault.column
        if line == 0:
            column += place[1] - check.place.column
        return place[0] + line, column

    def _tell_unused(self) -> None:
        for macro in self._collector.macros.values():
            if macro.name not in self._used:
                reason = f"Macro '{macro.name}' is used by no rule and no macro"
                self._report(Code.LOAD_UNUSED_MACRO, reason, macro.context)
        for found in self._collector.lists.values():
            if found.name not in self._lists.used:
                reason = f"List '{found.name}' is used by no rule, no macro and no list"
                self._report(Code.LOAD_UNUSED_LIST, reason, found.context)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:80], known, 1, 0.75)
    return f" Did you mean '{near[0]}'?" if near else ""


def _fault(fault: ConditionError, text: str, context: Context) -> RulesFault:
    offset = _offset(text, fault.line, fault.column)
    place = context.in_condition(text, fault.line, fault.column, offset)
    return RulesFault(Code.LOAD_ERR_COMPILE_CONDITION, fault.reason, place)


def _offset(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
        if not at:
            return len(text)
    return min(at + column - 1, len(text))
