"""The rules at work: an event's record in, the alerts of the rules that it matches out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sidekick.model import Alert, Priority
from sidekick.rules.append import STATIC, Appender, AppendOutput
from sidekick.rules.definitions import SYSCALL
from sidekick.rules.event_types import NO_TYPES, TypeSet
from sidekick.rules.graph import Graph
from sidekick.rules.matcher import TYPE, Match, make_matcher
from sidekick.rules.report import Reporter
from sidekick.rules.ruleset import Rule, RuleSet

OnFailure = Callable[[Rule, Exception], None]

_TYPES_KEPT = 1000
"""More types than there are: who invents types does not fill the memory with matchers."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How rules are matched and their alerts written.

    ``matching``: whether an event gives one alert, of the first rule in load order that matches, or
    one of each. ``priority``: the least severe rules that are matched. ``iso8601``: the output
    begins with date and time in UTC rather than with the local time of day.
    """

    matching: Literal["first", "all"] = "first"
    priority: Priority = Priority.DEBUG
    hostname: str = ""
    iso8601: bool = False
    append_output: tuple[AppendOutput, ...] = (AppendOutput(suggested=True),)
    static_fields: Mapping[str, str] = field(default_factory=dict)


class Engine:
    """Matches events with rules. It belongs to one thread; a reload makes another one.

    A record is a mapping by full field key (``proc.aname[2]``) that gives None for what is absent;
    see ``sidekick.rules.compile.Record``. What it holds is described by ``FieldType`` and ``Shape``
    in ``sidekick.rules.fields``. An event whose record holds something else leaves the rules that
    ask for it undecided: ``on_failure`` is told of each such rule, and the other rules decide.
    """

    def __init__(
        self,
        rules: RuleSet,
        config: EngineConfig = EngineConfig(),
        chosen: Iterable[Rule] | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """``chosen`` are the rules to match, instead of those that are enabled.

        Raises OutputError if what is appended to outputs does not compile.
        """
        self.config = config
        self._on_failure = on_failure
        if chosen is None:
            chosen = (rule for rule in rules.rules if rule.definition.enabled)
        self.rules = tuple(rule for rule in chosen if rule.priority >= config.priority)
        self._set = rules
        registries = {name: code.fields for name, code in rules.sources.items()}
        appender = Appender(config.append_output, config.static_fields, registries)
        self._known = {f"{STATIC}{name}": text for name, text in config.static_fields.items()}
        if config.hostname:
            self._known["evt.hostname"] = config.hostname
        self._reporters = {
            rule.index: Reporter(rule, appender.append(rule), config.hostname, config.iso8601)
            for rule in self.rules
        }
        self._by_name = {rule.name: self._reporters[rule.index] for rule in self.rules}
        self._matchers: dict[tuple[str, str], Match] = {}
        self._singles: dict[tuple[str, str, int], Match] = {}
        """Matchers of one rule each, for records that a matcher of all fails on."""

    def alerts(
        self, source: str, type: str, record: Mapping[str, Any], time_ns: int
    ) -> Sequence[Alert]:
        """The alerts of an event, in the load order of their rules.

        A record that is a dict has what is known of every event as well after that.
        """
        match = self._matchers.get((source, type)) or self.matcher(source, type)
        try:
            found = match(record)
        except Exception:
            found = self._one_by_one(source, type, record)
        if not found:
            return ()
        known = {**self._known, **_of_event(source, type, time_ns)}
        if isinstance(record, dict):
            record.update(known)
        else:
            record = _Event(record, known)
        return [self._reporters[index].report(record, time_ns) for index in found]

    def again(self, alert: Alert, count: int, time_ns: int) -> Alert:
        """An alert that stands for so many more like one of this engine's, the last at that time.

        Its ``evt.count`` is that number.
        """
        return self._by_name[alert.rule].again(alert, count, time_ns)

    @property
    def graph(self) -> Graph:
        """The conditions of ``rules``: each rule's ``node`` is a number in it."""
        return self._set.graph

    def types(self, source: str) -> TypeSet:
        """The event types that some rule of a source can match."""
        found = NO_TYPES
        for rule in self.rules:
            if rule.source == source:
                found |= rule.types
        return found

    def keys(self, source: str, type: str) -> frozenset[str]:
        """The fields that the rules for a type of event may read, outputs included."""
        keys: set[str] = set()
        for rule in self._candidates(source, type):
            keys.update(self._set.keys(rule), self._reporters[rule.index].keys)
        return frozenset(keys)

    def _candidates(self, source: str, type: str) -> list[Rule]:
        """The rules that an event of a type may match; other sources know no types."""
        return [
            rule
            for rule in self.rules
            if rule.source == source and (source != SYSCALL or type in rule.types)
        ]

    def matcher(self, source: str, type: str) -> Match:
        """The function that gives the ``index`` of the rules that an event of a type matches."""
        match = self._make(source, type, self._candidates(source, type))
        if len(self._matchers) < _TYPES_KEPT:
            self._matchers[source, type] = match
        return match

    def _make(self, source: str, type: str, rules: Sequence[Rule]) -> Match:
        if not rules:
            return _no_rule
        code = self._set.sources[source]
        roots = [(rule.index, rule.node) for rule in rules]
        every = self.config.matching == "all"
        known = {**self._known, "evt.source": source}
        if type:
            known[TYPE] = type
        return make_matcher(self._set.graph, code.codes, code.names, roots, known, every=every)

    def _one_by_one(self, source: str, type: str, record: Mapping[str, Any]) -> Sequence[int]:
        """The same when a record holds what is no value of its field's type."""
        found: list[int] = []
        for rule in self._candidates(source, type):
            try:
                found += self._single(source, type, rule)(record)
            except Exception as error:
                if self._on_failure is not None:
                    self._on_failure(rule, error)
            if found and self.config.matching == "first":
                break
        return found

    def _single(self, source: str, type: str, rule: Rule) -> Match:
        key = (source, type, rule.index)
        match = self._singles.get(key) or self._make(source, type, [rule])
        if len(self._singles) < _TYPES_KEPT:
            self._singles[key] = match
        return match


class _Event(dict[str, Any]):
    """A record with what is known of every event."""

    def __init__(self, record: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        super().__init__(known)
        self._record = record

    def __missing__(self, key: str) -> Any:
        return self._record[key]


def _of_event(source: str, type: str, time_ns: int) -> Mapping[str, Any]:
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    return {
        TYPE: type or None,
        "evt.source": source,
        "evt.rawtime": time_ns,
        "evt.rawtime.s": seconds,
        "evt.rawtime.ns": fraction,
    }


def _no_rule(record: Mapping[str, Any]) -> Sequence[int]:
    return ()
