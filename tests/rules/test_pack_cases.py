"""The rule packs' own tests: all pass, each rule has them, and no rule hides behind another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from sidekick.rules.cases import Case
from sidekick.rules.engine import Engine
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.neutral import NeutralEvent, read_event
from sidekick.rules.ruleset import RuleSet
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
    for number, event in enumerate(case.events, 1):
        got = read(event, number)
        alerts = engine.alerts(got.source, got.type, got.record, got.time_ns)
        assert [alert.rule for alert in alerts] == [case.rule]


def test_a_test_that_is_wrong_is_found() -> None:
    suite = suite_of("core")
    wrong = [Case(c.name, c.place, c.events, (), c.rule) for c in suite.cases if c.alerts]
    one = type(suite)(suite.name, suite.rules, suite.every, tuple(wrong[:3]))
    assert [outcome.passed for outcome in Trial(packs(), SOURCES, read).run(one)] == [False] * 3
