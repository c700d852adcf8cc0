"""Test files of rules: how they are read, and that each fault has its place."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from sidekick.errors import ConfigError
from sidekick.model import Priority
from sidekick.rules.case_files import read_suite
from sidekick.rules.cases import Case, Expected, Suite

SUITE = """
rules: [../core.yaml, more]
matching: all
given:
  shell: {type: execve, fields: {proc.name: bash, proc.tty: 34816, container.id: 3e10}}
  root: {given: shell, fields: {user.uid: 0}}
tests:
  - test: one
    event: {given: root, time: 5, fields: {proc.tty: null, proc.args: [a, "null"]}}
    alerts: [A, {rule: B, priority: notice, output: text, contains: x, fields: {f: 1}, tags: [t]}]
  - rule: A
    given: shell
    tests:
      - {test: fires, events: [{}, {fields: {proc.name: yes}}], alerts: true}
      - {test: silent, event: {given: root, source: syscall}, alerts: false}
  - test: audit
    event: {payload: {code: 201, name: "1", list: [true, null, 1.5]}}
    alerts: []
"""


def suite(text: str = SUITE) -> Suite:
    return read_suite(dedent(text), "t.yaml")


def cases() -> dict[str, Case]:
    return {case.name: case for case in suite().cases}


def test_a_file_names_its_rules_and_how_they_are_matched() -> None:
    assert suite().rules == ("../core.yaml", "more")
    assert suite().every
    assert not suite("tests: []").every
    assert suite("{tests: [], rules: one.yaml}").rules == ("one.yaml",)


def test_fields_are_laid_over_those_of_the_given_event() -> None:
    (event,) = cases()["one"].events
    assert event == {
        "type": "execve",
        "time": "5",
        "fields": {
            "proc.name": "bash",
            "proc.tty": None,
            "container.id": "3e10",
            "user.uid": "0",
            "proc.args": ["a", "null"],
        },
    }


def test_a_group_gives_its_tests_a_rule_and_an_event() -> None:
    fires = cases()["fires"]
    assert fires.rule == "A"
    assert [event["fields"]["proc.name"] for event in fires.events] == ["bash", "yes"]
    assert fires.alerts == (Expected("A"), Expected("A"))
    silent = cases()["silent"]
    assert silent.alerts == ()
    assert silent.events[0]["fields"]["user.uid"] == "0"
    assert silent.place == "t.yaml:15"


def test_the_event_of_a_group_may_be_written_out() -> None:
    (case,) = suite(
        """
        given: {shell: {type: execve, fields: {proc.name: bash, user.uid: 0}}}
        tests:
          - rule: A
            given: {given: shell, fields: {user.uid: 5}}
            tests: [{test: x, event: {fields: {proc.tty: 1}}, alerts: true}]
        """
    ).cases
    assert case.events[0]["fields"] == {"proc.name": "bash", "user.uid": "5", "proc.tty": "1"}


def test_an_alert_says_as_much_as_it_likes() -> None:
    first, second = cases()["one"].alerts
    assert first == Expected("A")
    assert second == Expected("B", Priority.NOTICE, "text", ("x",), {"f": "1"}, ("t",))


def test_an_audit_event_is_json() -> None:
    assert cases()["audit"].events[0]["source"] == "k8s_audit"
    assert cases()["audit"].events[0]["payload"] == {
        "code": 201,
        "name": "1",
        "list": [True, None, 1.5],
    }


CASE = {"test": "x", "event": {}, "alerts": []}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", 't.yaml: wanted one mapping with the key "tests"'),
        ("- a", 't.yaml: wanted one mapping with the key "tests"'),
        ("{", "did not find expected node content"),
        ("rules: x", 't.yaml:1:1: wanted a list under "tests"'),
        ("tests: 5", 't.yaml:1:8: wanted a list under "tests"'),
        ("{tests: [], ruls: x}", 't.yaml:1:13: unknown key "ruls"; did you mean "rules"?'),
        ("{tests: [], matching: some}", 't.yaml:1:23: wanted first or all, found "some"'),
        ("{tests: [5]}", "t.yaml:1:10: wanted a test, as a mapping"),
        ("{tests: [{test: x, event: {}}]}", 't.yaml:1:10: the test has no "alerts"'),
        ("{tests: [{alerts: [], event: {}}]}", 't.yaml:1:10: the test has no "test"'),
        ("{tests: [{test: x, alerts: []}]}", 'wanted either "event" or "events"'),
        ("{tests: [{test: x, alerts: [], event: {}, events: []}]}", 'wanted either "event"'),
        ("{tests: [{test: x, alerts: true, event: {}}]}", "true and false are for tests of one"),
        ("{tests: [{test: x, alerts: [{}], event: {}}]}", 'the alert has no "rule"'),
        ("{tests: [{test: x, alerts: [[]], event: {}}]}", "wanted an alert, as a mapping"),
        ("{tests: [{test: x, alerts: [null], event: {}}]}", "wanted the name of a rule"),
        (
            "{tests: [{test: x, alerts: [{rule: a, priority: loud}], event: {}}]}",
            'unknown priority "loud"; there are Debug, Informational',
        ),
        ("{tests: [{test: x, alerts: [], event: {feilds: {}}}]}", 'did you mean "fields"?'),
        ("{tests: [{test: x, alerts: [], event: {fields: 5}}]}", "wanted fields by name"),
        (
            "{tests: [{test: x, alerts: [], event: {fields: {a: {b: c}}}}]}",
            'field "a": wanted a value or a list',
        ),
        (
            "{given: {shell: {}}, tests: [{test: x, alerts: [], event: {given: shel}}]}",
            'no event "shel" is given; did you mean "shell"?',
        ),
        ("{tests: [{rule: A, tests: [{tests: []}]}]}", 'unknown key "tests"'),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        suite(text)
    assert fault in str(caught.value)
    assert str(caught.value).startswith("t.yaml:")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        suite("tests: [5, {rule: A, tests: [6, {test: x}]}, 7]")
    assert len(caught.value.faults) == 4


def test_nothing_is_copied_by_aliases_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError):
        suite("\n".join(lines))


def test_payloads_are_as_deep_as_a_reader_allows() -> None:
    deep: Any = "[" * 2000 + "]" * 2000
    with pytest.raises(ConfigError):
        suite(f"{{tests: [{{test: x, alerts: [], event: {{payload: {deep}}}}}]}}")


def test_the_documented_example_is_one() -> None:
    document = (Path(__file__).parents[2] / "docs" / "rule-tests.md").read_text()
    (example,) = re.findall(r"^```yml\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    found = read_suite(example, "rule-tests.md")
    assert [case.name for case in found.cases][-2:] == ["fires", "needs a terminal"]
