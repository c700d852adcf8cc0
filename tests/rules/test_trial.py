"""Tests of rules that are run: what passes, what a difference looks like, what is untested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sidekick.errors import ConfigError
from sidekick.model import Priority
from sidekick.rules.cases import Case, Expected, Suite
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.neutral import NeutralEvent, read_event
from sidekick.rules.trial import Coverage, Outcome, Trial
from tests.rules.rule_texts import rule, rules

RULES = rules(
    rule("Cat", "evt.type = open and proc.name = cat", "cat read %fd.name", tags="[a, b]"),
    rule("Open", "evt.type = open", "opened", priority="NOTICE"),
    rule("Off", "evt.type = close", enabled="false"),
)
CAT = {"type": "open", "fields": {"proc.name": "cat", "fd.name": "/x"}}


def read(event: Mapping[str, Any], number: int) -> NeutralEvent:
    return read_event(event, number, SOURCES)


def case(*alerts: Expected, event: Mapping[str, Any] = CAT, rule: str = "") -> Case:
    return Case("a test", "t.yaml:1", (event,), alerts, rule)


def run(one: Case, every: bool = False) -> Outcome:
    (outcome,) = Trial(RULES, SOURCES, read).run(Suite("t.yaml", (), every, (one,)))
    return outcome


@pytest.mark.parametrize(
    "expected",
    [
        Expected("Cat"),
        Expected("Cat", Priority.WARNING),
        Expected("Cat", output="cat read /x"),
        Expected("Cat", contains=("cat", "/x")),
        Expected("Cat", fields={"fd.name": "/x"}),
        Expected("Cat", tags=("b",)),
    ],
)
def test_what_is_expected_is_found(expected: Expected) -> None:
    assert run(case(expected)).passed


@pytest.mark.parametrize(
    ("expected", "diff"),
    [
        (Expected("Open"), ("- rule: Open", "+ rule: Cat")),
        (
            Expected("Cat", Priority.NOTICE),
            ("  rule: Cat", "-   priority: Notice", "+   priority: Warning"),
        ),
        (
            Expected("Cat", output="x"),
            ("  rule: Cat", "-   output: x", "+   output: cat read /x"),
        ),
        (
            Expected("Cat", contains=("cat", "dog")),
            ("  rule: Cat", "+   output: cat read /x", "    contains: cat", "-   contains: dog"),
        ),
        (
            Expected("Cat", fields={"fd.name": "/y", "no.such": "1"}),
            (
                "  rule: Cat",
                "-   fd.name: /y",
                "+   fd.name: /x",
                "-   no.such: 1",
                "+   no.such: (not in the output)",
            ),
        ),
        (Expected("Cat", tags=("c",)), ("  rule: Cat", "-   tag: c")),
    ],
)
def test_a_difference_says_what_was_wanted_and_what_came(
    expected: Expected, diff: tuple[str, ...]
) -> None:
    assert sorted(run(case(expected)).diff) == sorted(diff)


def test_an_alert_too_few_and_one_too_many_are_differences() -> None:
    assert run(case()).diff == ("+ rule: Cat", "+   output: cat read /x")
    assert run(case(Expected("Cat"), Expected("Open"))).diff == ("  rule: Cat", "- rule: Open")
    assert run(case(Expected("Cat"), Expected("Open")), every=True).passed


def test_a_test_of_one_rule_matches_only_that_one_even_if_it_is_off() -> None:
    assert run(case(Expected("Open"), rule="Open")).passed
    assert run(case(Expected("Off"), event={"type": "close", "fields": {}}, rule="Off")).passed
    assert run(case(event={"type": "close", "fields": {}})).passed


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (case(Expected("Catt")), 't.yaml:1: a test: there is no rule "Catt"; did you mean "Cat"?'),
        (case(rule="Nobody"), 'there is no rule "Nobody"'),
        (
            case(event={"type": "open", "fields": {"proc.nmae": "x"}}),
            'unknown field "proc.nmae"; did you mean "proc.name"?',
        ),
        (case(event={"type": "opne", "fields": {}}), 'unknown event type "opne"; did you mean'),
        (case(event={"fields": {}}), 'unknown event type ""'),
        (case(event={"source": "aws", "fields": {}}), 'unknown source "aws"; there are syscall'),
        (case(event={"type": "open", "fields": {"fd.num": "x"}}), 'field "fd.num": wanted'),
    ],
)
def test_what_a_test_names_must_be_there(one: Case, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(one)
    assert fault in str(caught.value)


def test_a_rule_is_tested_if_it_fires_and_stays_silent() -> None:
    suite = Suite("t", (), False, (case(Expected("Cat")), case(rule="Cat"), case(rule="Open")))
    missing = Coverage([suite]).missing(RULES)
    assert missing == {
        "Open": "no test in which it fires",
        "Off": "no test in which it fires and none in which it is silent",
    }
