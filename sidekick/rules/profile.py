"""What rules cost: each one's condition timed on its own, over the events that it is tried on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidekick.rules.compile import Record
from sidekick.rules.definitions import SYSCALL
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.matcher import Match
from sidekick.rules.neutral import NeutralEvent
from sidekick.rules.ruleset import Rule, RuleSet

Clock = Callable[[], int]

_PASSES = 3
"""The quickest of so many is taken: what else the machine does only ever adds time."""


@dataclass(frozen=True, slots=True)
class RuleCost:
    """A rule: the ``events`` that it is tried on, those that it matches, and ns for all of them.

    ``alerts`` are the events whose first rule it is.
    """

    rule: Rule
    events: int
    hits: int
    alerts: int
    cost_ns: int


@dataclass(frozen=True, slots=True)
class Profile:
    """The costs of rules, the dearest first, and of all of them together for ``events``.

    Together they cost less than the sum: what several rules ask is asked once an event.
    """

    costs: tuple[RuleCost, ...]
    events: int
    total_ns: int


def profile(rules: RuleSet, events: Iterable[NeutralEvent], clock: Clock) -> Profile:
    """Time the enabled rules over events; ``clock`` gives ns that only grow."""
    engine = Engine(rules, EngineConfig(append_output=()))
    groups: dict[tuple[str, str], list[Record]] = {}
    keys: dict[tuple[str, str], frozenset[str]] = {}
    for event in events:
        key = (event.source, event.type)
        if key not in keys:
            keys[key] = engine.keys(*key)
        groups.setdefault(key, []).append(extracted(event.record, keys[key]))
    first = {rule.name: 0 for rule in engine.rules}
    total_ns = 0
    for key, records in groups.items():
        match = engine.matcher(*key)
        total_ns += _timed(match, records, clock)
        for record in records:
            for index in match(record):
                first[rules.rules[index].name] += 1
    costs = [_cost(rules, rule, groups, first[rule.name], clock) for rule in engine.rules]
    costs.sort(key=lambda cost: (-cost.cost_ns, cost.rule.index))
    return Profile(tuple(costs), sum(map(len, groups.values())), total_ns)


def extracted(record: Mapping[str, Any], keys: Iterable[str]) -> Record:
    """The record with its fields at hand, so that only the rules are timed."""
    return Record({key: value for key in keys if (value := record[key]) is not None})


def _cost(
    rules: RuleSet,
    rule: Rule,
    groups: Mapping[tuple[str, str], Sequence[Record]],
    alerts: int,
    clock: Clock,
) -> RuleCost:
    engine = Engine(rules, EngineConfig(append_output=()), [rule])
    events = hits = cost_ns = 0
    for (source, type_), records in groups.items():
        if source == rule.source and (source != SYSCALL or type_ in rule.types):
            match = engine.matcher(source, type_)
            events += len(records)
            hits += sum(map(bool, map(match, records)))
            cost_ns += _timed(match, records, clock)
    return RuleCost(rule, events, hits, alerts, cost_ns)


def _timed(match: Match, records: Sequence[Record], clock: Clock) -> int:
    quickest = 1 << 62
    for _ in range(_PASSES):
        began = clock()
        for record in records:
            match(record)
        quickest = min(quickest, clock() - began)
    return quickest
