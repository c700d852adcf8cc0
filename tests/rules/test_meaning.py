"""Compiled conditions and whole rule sets against a plain interpreter of their trees."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.rules.ast import And, Check, Field, Macro, Node, Not, Or, Value
from sidekick.rules.compile import Record, compile_tree
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.falco_fields import FALCO_FIELDS, SOURCES
from sidekick.rules.load import load
from sidekick.rules.printer import source
from sidekick.rules.ruleset import Rule
from tests.nightly import examples
from tests.rules.grammar import CHECKS, RECORDS, TYPE_CHECKS, TYPES, trees
from tests.rules.interpreter import holds
from tests.rules.rule_texts import rule


@settings(max_examples=examples(1_500, 50_000), deadline=None)
@given(trees(), RECORDS)
def test_a_function_means_what_its_tree_means(tree: Node, record: dict[str, Any]) -> None:
    assert compile_tree(tree, FALCO_FIELDS)(record) is holds(tree, record)


_MACROS = st.sampled_from(["m0", "m1", "m2"]).map(Macro)
_CONDITIONS = st.lists(trees(CHECKS | TYPE_CHECKS | _MACROS, 8), min_size=1, max_size=5)


@settings(max_examples=examples(500, 25_000), deadline=None)
@given(
    st.lists(trees(CHECKS | TYPE_CHECKS, 4), min_size=3, max_size=3),
    _CONDITIONS,
    RECORDS,
    st.sampled_from(["first", "all"]),
)
def test_an_engine_gives_the_alerts_of_the_rules_that_hold(
    macros: list[Node], conditions: list[Node], record: dict[str, Any], matching: str
) -> None:
    named = {f"m{n}": tree for n, tree in enumerate(macros)}
    conditions = [*conditions, conditions[0]]  # what is written twice is asked once
    engine = _engine(named, conditions, matching)
    for type_ in TYPES:
        event = Record(record, **{"evt.type": type_})
        found = engine.alerts("syscall", type_, event, 1)
        wanted = [f"r{n}" for n, tree in enumerate(conditions) if holds(tree, event, named)]
        assert [alert.rule for alert in found] == wanted[: None if matching == "all" else 1]
        assert all(type_ in engine.rules[int(name[1:])].types for name in wanted)


def _engine(macros: Mapping[str, Node], conditions: Sequence[Node], matching: str) -> Engine:
    text = _yaml(macros, conditions)
    rules = load([("1.yaml", text)], sources=dict.fromkeys(SOURCES, FALCO_FIELDS))
    assert rules.ok, [error.describe(rules.contents) for error in rules.errors]
    first: Any = matching
    config = EngineConfig(matching=first, append_output=())
    return Engine(rules, config, on_failure=_fail)


def _fail(rule: Rule, error: Exception) -> None:
    raise AssertionError(rule.name) from error


def _yaml(macros: Mapping[str, Node], conditions: Sequence[Node]) -> str:
    written = [
        f"- macro: {name}\n  condition: {json.dumps(source(tree))}\n"
        for name, tree in macros.items()
    ]
    written += [rule(f"r{number}", source(tree)) for number, tree in enumerate(conditions)]
    return "".join(written)


def _leaf(number: int) -> Check:
    return Check(Field("proc.env", f"V{number}"), "=", Value("x"))


@pytest.fixture
def deep_interpreter() -> Iterator[None]:
    """The interpreter is plain, and calls itself for every level."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5 * limit)
    yield
    sys.setrecursionlimit(limit)


_NESTED: dict[str, Callable[[int, tuple[Node, Node]], Node]] = {
    "mixed": lambda number, both: Not(And(both)) if number % 3 else Or(both),
    "or": lambda number, both: Or(both[::-1]),
    "and": lambda number, both: And(both[::-1]),
    "or and and": lambda number, both: Or(both[::-1]) if number % 2 else And(both[::-1]),
    "not": lambda number, both: Not(Or(both[::-1])),
}


@pytest.mark.parametrize("depth", [5, 25, 60, 250])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("nest", _NESTED.values(), ids=_NESTED.keys())
@pytest.mark.usefixtures("deep_interpreter")
def test_no_depth_changes_the_meaning(
    depth: int, shared: bool, nest: Callable[[int, tuple[Node, Node]], Node]
) -> None:
    """Deep conditions get variables, and those that are too deep for loops are laid flat."""
    tree: Node = _leaf(0)
    nodes = [tree]
    for number in range(1, depth):
        tree = nest(number, (_leaf(number), nodes[-1]))
        nodes.append(tree)
    trees = nodes[1::7] if shared else [tree]
    names = [f"r{number}" for number in range(len(trees))]
    engine = _engine({}, trees, "all")
    random = Random(depth)
    for _ in range(50):
        event = {f"proc.env[V{number}]": random.choice("xy") for number in range(depth)}
        found = {alert.rule for alert in engine.alerts("syscall", "open", Record(event), 1)}
        assert found == {n for n, t in zip(names, trees, strict=True) if holds(t, event, {})}
