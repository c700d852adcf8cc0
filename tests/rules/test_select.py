"""Which rules are on: names with stars, tags, in order."""

from __future__ import annotations

import pytest

from sidekick.rules.select import Choice, command_line_choices, select
from tests.rules.loading import RULE, good


def on(*choices: Choice) -> str:
    """The rules that are on of A (tags x, y), Ab (tag y) and B.b (none, disabled)."""
    rules = good(
        RULE + "  tags: [x, y]\n",
        RULE.replace("rule: A", "rule: Ab") + "  tags: [y]\n",
        RULE.replace("rule: A", "rule: B.b") + "  enabled: false\n",
    )
    select(rules, choices)
    return " ".join(rule.name for rule in rules.rules if rule.definition.enabled)


@pytest.mark.parametrize(
    ("choices", "wanted"),
    [
        ([], "A Ab"),
        ([Choice(False, rule="A")], "Ab"),
        ([Choice(False, rule="A*")], ""),
        ([Choice(False, rule="*b")], "A"),
        ([Choice(True, rule="B*b")], "A Ab B.b"),
        ([Choice(True, rule="*.*")], "A Ab B.b"),
        ([Choice(True, rule="*")], "A Ab B.b"),
        ([Choice(False, tag="y")], ""),
        ([Choice(False, tag="x")], "Ab"),
        ([Choice(False, rule="*"), Choice(True, tag="x")], "A"),
        ([Choice(True, tag="x"), Choice(False, rule="*")], ""),
        ([Choice(False, containing="b")], "A"),
        ([Choice(False, rule="A", tag="y")], ""),
    ],
)
def test_choices_are_made_one_after_the_other(choices: list[Choice], wanted: str) -> None:
    assert on(*choices) == wanted


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (([], [], []), "A Ab"),
        ((["x"], [], []), "A"),
        ((["x", "y"], [], []), "A Ab"),
        (([], ["x"], []), "Ab"),
        (([], [], ["A"]), ""),
        (([], ["x"], ["b"]), ""),
    ],
)
def test_the_command_line_has_falcos_options(
    arguments: tuple[list[str], list[str], list[str]], wanted: str
) -> None:
    assert on(*command_line_choices(*arguments)) == wanted


def test_a_choice_that_no_rule_answers_to_is_told() -> None:
    rules = good(RULE + "  tags: [network]\n")
    choices = [Choice(True, rule="A"), Choice(True, tag="netwrk"), Choice(False, containing="zz")]
    assert select(rules, choices) == [
        "no rule has the tag 'netwrk'; did you mean 'network'?",
        "no rule has in its name 'zz'",
    ]
