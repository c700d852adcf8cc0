"""Macros: what they see, what they stand for, and the faults that they share with rules."""

from __future__ import annotations

import pytest

from tests.rules.loading import RULE, condition_of, good, loaded, told

USES_M = RULE.replace("evt.type = open and proc.name = cat", "m")


def macro(name: str, condition: str) -> str:
    return f"- macro: {name}\n  condition: {condition}\n"


def test_a_macro_stands_for_its_condition() -> None:
    rules = good(macro("m", "evt.type = open or evt.type = openat") + USES_M)
    assert condition_of(rules) == "(evt.type = open or evt.type = openat)"


def test_macros_use_macros_before_them() -> None:
    rules = good(macro("k", "evt.num = 1") + macro("m", "not k") + USES_M)
    assert condition_of(rules) == "not evt.num = 1"


def test_rules_see_macros_after_them() -> None:
    assert condition_of(good(USES_M + macro("m", "evt.num = 1"))) == "evt.num = 1"


def test_the_last_definition_counts_for_all() -> None:
    rules = good(macro("m", "evt.num = 1") + USES_M, macro("m", "evt.num = 2"))
    assert condition_of(rules) == "evt.num = 2"


def test_a_macro_defined_again_sees_what_came_between() -> None:
    again = macro("m", "evt.num = 1") + macro("k", "evt.num = 2") + macro("m", "k") + USES_M
    assert condition_of(good(again)) == "evt.num = 2"


def test_a_macro_that_grew_sees_what_came_between() -> None:
    more = macro("k", "evt.num = 2") + macro("m", "or k") + "  override: {condition: append}\n"
    rules = good(macro("m", "evt.num = 1") + USES_M, more)
    assert condition_of(rules) == "(evt.num = 1 or evt.num = 2)"


def test_each_macro_sees_by_its_own_place() -> None:
    text = macro("m", "evt.num = 1") + macro("k", "evt.num = 2") + macro("m", "k")
    more = macro("d", "evt.num = 3") + macro("k", "d")
    assert condition_of(good(text + USES_M, more)) == "evt.num = 3"


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        (USES_M, "Undefined macro 'm' used in filter.", 4, 14),
        (macro("mm", "evt.num = 1") + USES_M.replace(": m", ": m1"),
         "Undefined macro 'm1' used in filter.", 6, 14),
        (macro("shells", "evt.num = 1") + USES_M.replace(": m", ": shell"),
         "Undefined macro 'shell' used in filter. Did you mean 'shells'?", 6, 14),
        (macro("m", "k") + macro("k", "evt.num = 1") + USES_M,
         "Undefined macro 'k' used in filter.", 2, 14),
        (macro("m", "m") + USES_M, "Undefined macro 'm' used in filter.", 2, 14),
        (macro("m", "evt.num = 1") + macro("k", "m") + macro("m", "not k") + USES_M,
         "reference loop in macro 'm'", 6, 14),
    ],
)  # fmt: skip
def test_a_macro_that_is_not_seen_is_a_fault(
    text: str, message: str, line: int, column: int
) -> None:
    found = (rules := loaded(text)).errors[0]
    assert found.code.name == "LOAD_ERR_VALIDATE"
    assert found.message == message
    assert found.describe(rules.contents).startswith(f"1.yaml:{line}:{column}: ")


def test_a_fault_in_a_macro_is_told_once_and_where_the_macro_is() -> None:
    other = USES_M.replace("rule: A", "rule: B")
    (found,) = (rules := loaded(macro("m", "proc.nam = x") + USES_M + other)).errors
    assert found.code.name == "LOAD_ERR_COMPILE_CONDITION"
    described = found.describe(rules.contents)
    assert described.startswith('1.yaml:2:14: nonexistent field "proc.nam"; did you mean')
    assert described.endswith("(in macro 'm')")


def test_all_faulty_conditions_are_told_at_once() -> None:
    rules = loaded(macro("a", "(") + macro("b", "evt.num =") + macro("c", "evt.num = 1"))
    assert [found.context.item for found in rules.errors] == ["macro 'a'", "macro 'b'"]


def test_a_chain_of_many_macros_is_no_deep_recursion() -> None:
    chain = macro("m0", "evt.num = 0") + "".join(
        macro(f"m{n}", f"m{n - 1} or evt.num = {n}") for n in range(1, 3000)
    )
    rules = good(chain + USES_M.replace(": m", ": m2999"))
    assert len(rules.graph.checks(rules.rules[0].node)) == 3000


def test_macros_that_double_cost_no_more_than_their_lines() -> None:
    doubling = macro("m0", "evt.num = 0") + "".join(
        macro(f"m{n}", f"(m{n - 1} and evt.num = {n}) or (m{n - 1} and evt.num = -{n})")
        for n in range(1, 100)
    )
    rules = good(doubling + USES_M.replace(": m", ": m99"))
    assert len(rules.graph.checks(rules.rules[0].node)) == 199
    assert rules.graph.size(rules.rules[0].node) > 2**99


def test_a_macro_without_use_is_told() -> None:
    rules = loaded(macro("m", "evt.num = 1") + macro("k", "m"))
    assert told(rules) == ["LOAD_UNUSED_MACRO"]
    assert rules.warnings[0].context.item == "macro 'k'"
