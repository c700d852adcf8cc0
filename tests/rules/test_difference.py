"""What two rule sets mean differently, and what is no difference."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rule_files import load_files
from sidekick.rules.ast import And, Node, Not, Or
from sidekick.rules.difference import Difference, difference
from sidekick.rules.falco_fields import FALCO_FIELDS, SOURCES
from sidekick.rules.load import load
from sidekick.rules.printer import source
from sidekick.rules.ruleset import Rule, RuleSet
from tests.rules.grammar import trees
from tests.rules.loading import OFFICIAL_FILES, RULE, good, needs_official_files
from tests.rules.rule_texts import rule

CONDITION = "evt.type = open and proc.name = cat"


def compared(old: str, new: str) -> Difference:
    return difference(good(old), good(new))


def names(found: Sequence[Rule]) -> list[str]:
    return [rule.name for rule in found]


@pytest.mark.parametrize(
    "other",
    [
        "proc.name=cat and evt.type=open",
        "(evt.type = open) and (proc.name = cat)",
        "evt.type == open and proc.name = 'cat'",
        "evt.type = open and proc.name = cat and evt.type = open",
        "not not (evt.type = open and proc.name = cat)",
        "evt.type = open and (proc.name = cat and evt.type = open)",
        "proc.name = cat and m",
    ],
)
def test_another_way_to_write_it_is_no_difference(other: str) -> None:
    macro = "- macro: m\n  condition: evt.type = open\n"
    assert not compared(RULE, macro + RULE.replace(CONDITION, other))


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        ("proc.name in (a, b)", "proc.name in (b, a, a)", False),
        ("proc.name = oneof (a, b)", "proc.name = oneof (b, a)", False),
        ("proc.name = oneof (a, a)", "proc.name = oneof (a)", True),
        ("proc.name = anyof (a, a)", "proc.name = anyof (a)", False),
        ("fd.net in (10.0.0.0/8, 11.0.0.0/8)", "fd.net in (11.0.0.0/8, 10.0.0.0/8)", True),
        ("a and (b or c)", "(c or b) and a", False),
        ("a and b or c", "a and (b or c)", True),
        ("not a", "a", True),
        ("not (a or b)", "not (b or a)", False),
        ("proc.name = a", "proc.name = b", True),
        ("proc.name = a", "proc.pname = a", True),
        ("proc.aname[2] = a", "proc.aname[3] = a", True),
        ("proc.name contains a", "proc.name startswith a", True),
    ],
)
def test_conditions_differ_if_they_mean_something_else(old: str, new: str, differ: bool) -> None:
    macros = "".join(f"- macro: {m}\n  condition: evt.num = {n}\n" for n, m in enumerate("abc"))
    found = compared(macros + rule("A", old), macros + rule("A", new))
    assert [change.condition for change in found.changed] == ([True] if differ else [])


@pytest.mark.parametrize(
    ("old", "new", "aspect", "values"),
    [
        ("INFO", "ERROR", "priority", ("Informational", "Error")),
        ("file=%fd.name", "other", "output", ("file=%fd.name", "other")),
        ("INFO\n", "INFO\n  tags: [b, a]\n", "tags", ("", "a, b")),
        ("INFO\n", "INFO\n  enabled: false\n", "enabled", ("true", "false")),
    ],
)
def test_what_else_changes_is_told_as_it_was_and_is(
    old: str, new: str, aspect: str, values: tuple[str, str]
) -> None:
    (change,) = compared(RULE, RULE.replace(old, new)).changed
    assert (dict(change.aspects), change.condition) == ({aspect: values}, False)


def test_words_for_people_are_no_difference() -> None:
    assert not compared(RULE, RULE.replace("a rule", "a fine rule"))


def test_a_list_that_grew_changes_the_rules_that_use_it() -> None:
    text = "- list: l\n  items: [a]\n" + rule("A", "proc.name in (l)") + rule("B", "proc.name = a")
    found = compared(text, text.replace("[a]", "[a, b]"))
    assert [change.new.name for change in found.changed] == ["A"]


def test_rules_come_and_go_and_move() -> None:
    old = "".join(rule(name, "evt.num = 1") for name in "ABCDE")
    new = "".join(rule(name, "evt.num = 1") for name in "XACDB")
    found = compared(old, new)
    assert (names(found.added), names(found.removed)) == (["X"], ["E"])
    assert (names(found.moved), found.changed) == (["B"], [])


@given(st.permutations("ABCDEF"))
def test_without_the_moved_rules_the_order_is_the_same(order: list[str]) -> None:
    old = "".join(rule(name, "evt.num = 1") for name in "ABCDEF")
    new = "".join(rule(name, "evt.num = 1") for name in order)
    moved = names(compared(old, new).moved)
    kept = [name for name in order if name not in moved]
    assert kept == sorted(kept)
    assert bool(moved) == (order != sorted(order))


@needs_official_files
def test_a_set_does_not_differ_from_itself() -> None:
    assert not difference(load_files(OFFICIAL_FILES), load_files(OFFICIAL_FILES))


def mirrored(node: Node) -> Node:
    """The same condition written from right to left."""
    match node:
        case And(children):
            return And(tuple(mirrored(child) for child in reversed(children)))
        case Or(children):
            return Or(tuple(mirrored(child) for child in reversed(children)))
        case Not(child):
            return Not(mirrored(child))
    return node


def of_any_source(condition: str) -> RuleSet:
    sources = dict.fromkeys(SOURCES, FALCO_FIELDS)
    return load([("1.yaml", rule("A", condition))], sources=sources)


@given(trees())
def test_the_order_in_a_condition_is_no_difference(tree: Node) -> None:
    one, other = of_any_source(source(tree)), of_any_source(source(mirrored(tree)))
    assert one.ok
    assert not difference(one, other)


def test_long_chains_of_macros_take_no_square() -> None:
    text = rule("A", "m4999") + "- macro: m0\n  condition: evt.num = 0\n"
    text += "".join(
        f"- macro: m{n}\n  condition: m{n - 1} and evt.num != {n}\n" for n in range(1, 5000)
    )
    assert not compared(text, text)
