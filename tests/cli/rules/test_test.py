"""``sidekick rules test``."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.rules.conftest import Command
from tests.rules.rule_texts import rule

TESTS = """
rules: rules.yaml
tests:
  - rule: Cat
    tests:
      - {test: fires, event: {type: open, fields: {proc.name: cat}}, alerts: true}
      - {test: is for cat, event: {type: open, fields: {proc.name: dd}}, alerts: false}
"""
FAILING = """
rules: [rules.yaml]
tests:
  - test: "a wrong\\x85 test"
    event: {type: open, fields: {proc.name: "c\\x01t"}}
    alerts: [Cat]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rules, and tests that pass."""
    (tmp_path / "rules.yaml").write_text(rule("Cat", "evt.type = open and proc.name = cat"))
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "good.yaml").write_text(TESTS.replace("rules.yaml", "../rules.yaml"))
    return tmp_path


def test_all_pass(rules: Command, folder: Path) -> None:
    done = rules("test", folder / "tests", "--strict")
    assert done.code == 0
    assert done.lines == ["ok  2 tests, all passed"]


def test_a_failure_is_shown_as_a_difference(rules: Command, folder: Path) -> None:
    bad = folder / "bad.yaml"
    bad.write_text(FAILING)
    done = rules("test", folder / "tests", bad)
    assert done.code == 1
    assert done.lines[0] == f"fail  {bad}:4  a wrong\\x85 test"
    assert done.lines[1:3] == ["        - rule: Cat", "fail  3 tests, 1 failed"]


def test_rules_without_tests_are_named_and_refused_if_asked(rules: Command, folder: Path) -> None:
    (folder / "rules.yaml").write_text(
        rule("Cat", "evt.type = open and proc.name = cat") + rule("Other", "evt.type = close")
    )
    done = rules("test", folder / "tests")
    assert done.code == 0
    assert done.lines == [
        "untested  Other: no test in which it fires and none in which it is silent",
        "ok  2 tests, all passed, 1 rule untested",
    ]
    assert rules("test", folder / "tests", "--strict").code == 1


def test_rules_can_be_named_instead(rules: Command, folder: Path) -> None:
    other = folder / "other.yaml"
    other.write_text(rule("Cat", "evt.type = close"))
    assert rules("test", folder / "tests", "--rules", other).code == 1


def test_outcomes_are_written_as_junit(rules: Command, folder: Path) -> None:
    bad, junit = folder / "bad.yaml", folder / "junit.xml"
    bad.write_text(FAILING)
    rules("test", folder / "tests", bad, "--junit", junit)
    root = ElementTree.fromstring(junit.read_bytes())
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    first, second = root
    assert [case.get("name") for case in first] == ["fires", "is for cat"]
    assert first[0].get("classname") == "Cat"
    (case,) = second
    assert case.get("line") == "4"
    failure = case.find("failure")
    assert failure is not None
    assert failure.text == "- rule: Cat"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tests: 5", 'wanted a list under "tests"'),
        ("tests: []", "no rules: name them"),
        ("{rules: none.yaml, tests: []}", "none.yaml"),
        (TESTS.replace("Cat", "Catt"), 'there is no rule "Catt"; did you mean "Cat"?'),
    ],
)
def test_what_cannot_be_used_is_told(rules: Command, folder: Path, text: str, fault: str) -> None:
    bad = folder / "bad.yaml"
    bad.write_text(text)
    done = rules("test", bad)
    assert done.code == 2
    assert fault in done.err
    assert rules("test", folder / "none.yaml").code == 2
