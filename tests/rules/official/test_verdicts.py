"""Falco's 93 official rules of system calls: for each, events that fire it and near misses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidekick.rule_files import load_files
from sidekick.rules.case_files import read_suite
from sidekick.rules.cases import Suite
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.neutral import NeutralEvent, read_event
from sidekick.rules.trial import Coverage, Trial
from tests.rules.loading import SYSCALL_FILES, needs_official_files

HERE = Path(__file__).parent
TABLES = ("stable", "incubating", "sandbox", "tuned")

pytestmark = needs_official_files


def suite_of(table: str) -> Suite:
    return read_suite((HERE / f"{table}.yaml").read_text(), table)


def read(event: Mapping[str, Any], number: int) -> NeutralEvent:
    return read_event(event, number, SOURCES)


@pytest.mark.parametrize("table", TABLES)
def test_the_verdicts_are_those_of_the_table(table: str) -> None:
    suite = suite_of(table)
    rules = load_files([HERE / name for name in suite.rules])
    outcomes = Trial(rules, SOURCES, read).run(suite)
    failed = [(outcome.case.place, *outcome.diff) for outcome in outcomes if not outcome.passed]
    assert failed == []


def test_each_of_the_93_rules_has_an_event_that_fires_it_and_a_near_miss() -> None:
    rules = load_files(SYSCALL_FILES)
    assert len(rules.rules) == 93
    assert Coverage(map(suite_of, TABLES)).missing(rules) == {}
