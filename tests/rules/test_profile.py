"""What rules cost, by a clock that is told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from sidekick.rules.compile import Record
from sidekick.rules.neutral import NeutralEvent
from sidekick.rules.profile import profile
from tests.rules.rule_texts import rule, rules

RULES = rules(
    rule("Cat", "evt.type = open and proc.name = cat"),
    rule("Open", "evt.type = open"),
    rule("Always", "proc.name exists"),
    rule("Off", "evt.type = open", enabled="false"),
)


def event(type_: str, name: str) -> NeutralEvent:
    return NeutralEvent("syscall", type_, 1, Record({"proc.name": name}))


EVENTS = [event("open", "cat"), event("open", "dd"), event("close", "dd")]


def test_hits_are_counted_alone_and_alerts_in_order() -> None:
    ticks = count()
    found = profile(RULES, EVENTS, lambda: next(ticks))
    counts = {cost.rule.name: (cost.events, cost.hits, cost.alerts) for cost in found.costs}
    assert counts == {"Cat": (2, 1, 1), "Open": (2, 2, 1), "Always": (3, 3, 1)}
    assert found.events == 3


def test_the_quickest_pass_counts_and_the_dearest_rule_comes_first() -> None:
    ticks = _ticks()
    found = profile(RULES, EVENTS, lambda: next(ticks))
    # Two types for all rules together, then one each for Cat and Open and two for Always.
    assert found.total_ns == 2
    costs = [(cost.rule.name, cost.cost_ns) for cost in found.costs]
    assert costs == [("Always", 2), ("Cat", 1), ("Open", 1)]


def _ticks() -> Iterator[int]:
    """Passes of 5, 1 and 9 ns, again and again."""
    now = 0
    while True:
        for took in (5, 1, 9):
            yield now
            now += took
            yield now
