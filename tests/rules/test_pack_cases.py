"""The rule packs' own tests: all pass, each rule has them, and no rule hides behind another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from sidekick.model import Alert
from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from sidekick.rules.allow import allowing
from sidekick.rules.cases import Case
from sidekick.rules.engine import Engine
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.load import load
from sidekick.rules.neutral import NeutralEvent, read_event
from sidekick.rules.ruleset import Rule, RuleSet
from sidekick.rules.trial import Coverage, Trial
from tests.rules.pack_cases import FOLDER, PACKS, suite_of

NEAR_MISSES = 2
"""Of each rule at least: what is nearly the act, and what ordinary machines do."""


def read(event: Mapping[str, Any], number: int) -> NeutralEvent:
    return read_event(event, number, SOURCES)


@cache
def packs() -> RuleSet:
    return load_files(pack_files())


@cache
def engine_of_all() -> Engine:
    return Engine(packs())


def firing() -> list[Any]:
    cases = [case for pack in PACKS for case in suite_of(pack).cases if case.rule and case.alerts]
    return [pytest.param(case, id=f"{case.rule}: {case.name}") for case in cases]


def test_each_pack_has_a_file_of_tests() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(PACKS)


@pytest.mark.parametrize("pack", PACKS)
def test_the_tests_of_a_pack_pass(pack: str) -> None:
    suite = suite_of(pack)
    rules = load_files([FOLDER / name for name in suite.rules])
    outcomes = Trial(rules, SOURCES, read).run(suite)
    failed = [(outcome.case.place, *outcome.diff) for outcome in outcomes if not outcome.passed]
    assert failed == []


def test_every_rule_has_a_test_that_fires_and_one_that_does_not() -> None:
    assert Coverage(map(suite_of, PACKS)).missing(packs()) == {}


def test_every_rule_has_several_near_misses() -> None:
    silent: dict[str, int] = {rule.name: 0 for rule in packs().rules}
    for pack in PACKS:
        for case in suite_of(pack).cases:
            if case.rule and not case.alerts:
                silent[case.rule] += 1
    assert [name for name, count in silent.items() if count < NEAR_MISSES] == []


@pytest.mark.parametrize("case", firing())
def test_under_first_match_too_it_is_the_rule_that_speaks(case: Case) -> None:
    engine = engine_of_all()
    assert [alert.rule for alert in _alerts(engine, case)] == [case.rule] * len(case.events)


def test_the_exceptions_that_are_made_of_alerts_keep_them_away() -> None:
    items = []
    for param in firing():
        (case,) = param.values
        alerts = _alerts(Engine(packs(), chosen=[_rule(packs(), case)]), case)
        items.append(allowing(packs(), _rule(packs(), case), alerts[0].fields))
    rules = load([*packs().contents.items(), ("own.yaml", "".join(items))])
    assert rules.errors == []
    for param in firing():
        (case,) = param.values
        assert _alerts(Engine(rules, chosen=[_rule(rules, case)]), case) == []


def test_exceptions_are_made_of_those_that_the_rules_have() -> None:
    named = {exception.name for rule in packs().rules for exception in rule.definition.exceptions}
    for param in firing():
        (case,) = param.values
        alerts = _alerts(Engine(packs(), chosen=[_rule(packs(), case)]), case)
        (item,) = yaml.safe_load(allowing(packs(), _rule(packs(), case), alerts[0].fields))
        assert item["exceptions"][0]["name"] in named


def _rule(rules: RuleSet, case: Case) -> Rule:
    rule = rules.rule(case.rule)
    assert rule
    return rule


def _alerts(engine: Engine, case: Case) -> list[Alert]:
    events = [read(event, number) for number, event in enumerate(case.events, 1)]
    return [
        alert
        for event in events
        for alert in engine.alerts(event.source, event.type, event.record, event.time_ns)
    ]


def test_a_test_that_is_wrong_is_found() -> None:
    suite = suite_of("core")
    wrong = [Case(c.name, c.place, c.events, (), c.rule) for c in suite.cases if c.alerts]
    one = type(suite)(suite.name, suite.rules, suite.every, tuple(wrong[:3]))
    assert [outcome.passed for outcome in Trial(packs(), SOURCES, read).run(one)] == [False] * 3
