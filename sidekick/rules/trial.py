"""Runs tests of rules: the alerts of a test's events beside those that it expects."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidekick.errors import ConfigError
from sidekick.model import Alert
from sidekick.rules.case_files import near
from sidekick.rules.cases import Case, Expected, Suite
from sidekick.rules.definitions import SYSCALL
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.event_types import EVENT_TYPES
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.line import message
from sidekick.rules.neutral import BadEvent, NeutralEvent, unknown_fields
from sidekick.rules.ruleset import RuleSet

ReadEvent = Callable[[Mapping[str, Any], int], NeutralEvent]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A test that was run. ``diff`` are the lines of a difference: "- " expected, "+ " found."""

    case: Case
    diff: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Did it find what it expected?"""
        return not self.diff


class Trial:
    """Runs tests with some rules; ``read`` makes events of what tests hold."""

    def __init__(
        self, rules: RuleSet, sources: Mapping[str, FieldRegistry], read: ReadEvent
    ) -> None:
        self._rules = rules
        self._names = {rule.name: rule for rule in rules.rules}
        self._sources = sources
        self._read = read
        self._engines: dict[tuple[str, bool], Engine] = {}

    def run(self, suite: Suite) -> list[Outcome]:
        """The outcomes of all its tests; raises ConfigError for those that cannot be run."""
        faults: list[str] = []
        outcomes: list[Outcome] = []
        for case in suite.cases:
            if found := list(self._faults(case)):
                faults += [f"{case.place}: {case.name}: {fault}" for fault in found]
                continue
            try:
                outcomes.append(self._outcome(case, suite.every))
            except BadEvent as fault:
                faults.append(f"{case.place}: {case.name}: {fault}")
        if faults:
            raise ConfigError(faults)
        return outcomes

    def _outcome(self, case: Case, every: bool) -> Outcome:
        engine = self._engine(case.rule, every)
        found: list[Alert] = []
        for number, event in enumerate(case.events, 1):
            read = self._read(event, number)
            found += engine.alerts(read.source, read.type, read.record, read.time_ns)
        return Outcome(case, _difference(case.alerts, found))

    def _engine(self, rule: str, every: bool) -> Engine:
        key = (rule, every)
        if key not in self._engines:
            config = EngineConfig(matching="all" if every else "first", append_output=())
            chosen = [self._names[rule]] if rule else None
            self._engines[key] = Engine(self._rules, config, chosen)
        return self._engines[key]

    # -- what a test names must be there -----------------------------------------------------

    def _faults(self, case: Case) -> Iterable[str]:
        for name in sorted({case.rule, *(alert.rule for alert in case.alerts)} - {""}):
            if name not in self._names:
                yield f'there is no rule "{name}"{near(name, self._names)}'
        for event in case.events:
            yield from self._event_faults(event)

    def _event_faults(self, event: Mapping[str, Any]) -> Iterable[str]:
        source = event.get("source", SYSCALL)
        if source not in self._sources:
            yield f'unknown source "{source}"; there are {", ".join(self._sources)}'
            return
        registry = self._sources[source]
        for name in unknown_fields(event["fields"], registry):
            yield f'unknown field "{name}"{near(name, registry.kinds)}'
        type_ = event.get("type") or event["fields"].get("evt.type")
        if source == SYSCALL and type_ not in EVENT_TYPES:
            yield f'unknown event type "{type_ or ""}"{near(type_ or "", EVENT_TYPES)}'


class Coverage:
    """Which rules have a test that lets them fire and one that does not."""

    def __init__(self, suites: Iterable[Suite]) -> None:
        cases = [case for suite in suites for case in suite.cases]
        self._fired = {alert.rule for case in cases for alert in case.alerts}
        self._silent = {case.rule for case in cases if case.rule and not case.alerts}

    def missing(self, rules: RuleSet) -> dict[str, str]:
        """What each rule lacks, by its name."""
        found: dict[str, str] = {}
        for rule in rules.rules:
            lacks = [
                what
                for what, having in (("fires", self._fired), ("is silent", self._silent))
                if rule.name not in having
            ]
            if lacks:
                found[rule.name] = f"no test in which it {' and none in which it '.join(lacks)}"
        return found


def _difference(expected: Sequence[Expected], found: Sequence[Alert]) -> tuple[str, ...]:
    if len(expected) == len(found) and all(map(_is_met, expected, found)):
        return ()
    wanted = [line for one in expected for line in _wanted(one)]
    got = [
        line
        for place, alert in enumerate(found)
        for line in _got(alert, expected[place] if place < len(expected) else None)
    ]
    lines = difflib.ndiff(wanted, got)
    return tuple(line for line in lines if not line.startswith("?"))


def _is_met(expected: Expected, found: Alert) -> bool:
    return [*_wanted(expected)] == [*_got(found, expected)]


def _wanted(one: Expected) -> Iterable[str]:
    """An expected alert as lines: those of the found one, if it is as expected."""
    yield f"rule: {one.rule}"
    if one.priority is not None:
        yield f"  priority: {one.priority.label}"
    if one.output is not None:
        yield f"  output: {one.output}"
    yield from (f"  contains: {text}" for text in one.contains)
    yield from (f"  tag: {tag}" for tag in one.tags)
    for name, value in one.fields.items():
        yield f"  {name}: {_text(value)}"


def _got(alert: Alert, one: Expected | None) -> Iterable[str]:
    """A found alert as lines that say as much as is expected of it."""
    yield f"rule: {alert.rule}"
    if one is None:
        yield f"  output: {message(alert)}"
        return
    if one.priority is not None:
        yield f"  priority: {alert.priority.label}"
    text = message(alert)
    if one.output is not None or not all(part in text for part in one.contains):
        yield f"  output: {text}"
    yield from (f"  contains: {part}" for part in one.contains if part in text)
    yield from (f"  tag: {tag}" for tag in one.tags if tag in alert.tags)
    for name in one.fields:
        value = _text(alert.fields[name]) if name in alert.fields else "(not in the output)"
        yield f"  {name}: {value}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
