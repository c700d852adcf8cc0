"""Compiled conditions and whole rule sets against a plain interpreter of their trees."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.rules.ast import And, Check, Field, Node, Not, Or, Value
from sidekick.rules.compile import Record, compile_tree
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.falco_fields import FALCO_FIELDS
from sidekick.rules.printer import source
from tests.rules import randomly
from tests.rules.reference import EXAMPLES, holds
from tests.rules.rule_texts import rule, rules

_EVENTS = 6


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.randoms(use_true_random=True))
def test_a_function_means_what_its_tree_means(random: Random) -> None:
    tree = randomly.condition(random, [])
    test = compile_tree(tree, FALCO_FIELDS)
    for _ in range(_EVENTS):
        event = randomly.event(random)
        assert test(Record(event)) is holds(tree, event, {}), (source(tree), event)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.randoms(use_true_random=True), st.sampled_from(["first", "all"]))
def test_an_engine_gives_the_alerts_of_the_rules_that_hold(random: Random, matching: str) -> None:
    macros: dict[str, Node] = {}
    for number in range(random.randrange(6)):
        macros[f"macro_{number}"] = randomly.condition(random, list(macros), 3)
    trees = [randomly.condition(random, list(macros)) for _ in range(random.randrange(1, 8))]
    text = _yaml(macros, trees)
    config = EngineConfig(matching="all" if matching == "all" else "first", append_output=())
    engine = Engine(rules(text), config)
    for _ in range(_EVENTS):
        event = randomly.event(random)
        found = engine.alerts("syscall", event["evt.type"], Record(event), 1)
        wanted = [f"r{n}" for n, tree in enumerate(trees) if holds(tree, event, macros)]
        wanted = wanted if matching == "all" else wanted[:1]
        assert [alert.rule for alert in found] == wanted, (text, event)
        assert not engine.failed


def _yaml(macros: dict[str, Node], trees: list[Node]) -> str:
    written = [f"- macro: {name}\n  condition: {_quoted(tree)}\n" for name, tree in macros.items()]
    written += [rule(f"r{number}", source(tree)) for number, tree in enumerate(trees)]
    return "".join(written)


def _quoted(tree: Node) -> str:
    return repr(source(tree))


def _leaf(number: int) -> Check:
    return Check(Field("proc.env", f"V{number}"), "=", Value("x"))


@pytest.mark.parametrize("depth", [5, 25, 60, 200])
@pytest.mark.parametrize("shared", [False, True])
def test_no_depth_changes_the_meaning(depth: int, shared: bool) -> None:
    """Deep conditions get variables, and those that are too deep for loops are laid flat."""
    tree: Node = _leaf(0)
    nodes = [tree]
    for number in range(1, depth):
        both = (_leaf(number), nodes[-1])
        tree = Not(And(both)) if number % 3 else Or(both)
        nodes.append(tree)
    trees = nodes[1::7] if shared else [tree]
    names = [f"r{number}" for number in range(len(trees))]
    engine = Engine(rules(_yaml({}, trees)), EngineConfig(matching="all", append_output=()))
    random = Random(depth)
    for _ in range(50):
        event = {f"proc.env[V{number}]": random.choice("xy") for number in range(depth)}
        found = {alert.rule for alert in engine.alerts("syscall", "open", Record(event), 1)}
        assert found == {n for n, t in zip(names, trees, strict=True) if holds(t, event, {})}
