"""The code that a matcher is, for conditions that share parts and are nested deep.

Each macro of these rule sets uses a few of those before it, so the graph is deep and nearly every
node is shared; written out, a condition would have millions of checks.
"""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.rules.ast import And, Check, Field, Macro, Node, Not, Or, Value
from sidekick.rules.compile import Record
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.printer import source
from sidekick.rules.ruleset import Rule
from tests.nightly import examples
from tests.rules.rule_texts import rule, rules

_NAMES = [f"proc.env[V{number}]" for number in range(6)]


def _leaf(random: Random) -> Node:
    check = Check(Field("proc.env", f"V{random.randrange(6)}"), "=", Value(random.choice("xy")))
    types = Check(Field("evt.type"), random.choice(("=", "!=")), Value("open"))
    return types if random.random() < 0.05 else check


def _tree(random: Random, macros: list[str], depth: int = 2) -> Node:
    draw = random.random()
    if depth == 0 or draw < 0.2:
        near = macros[-3:]
        return Macro(random.choice(near)) if near and random.random() < 0.7 else _leaf(random)
    if draw < 0.35:
        return Not(_tree(random, macros, depth - 1))
    children = tuple(_tree(random, macros, depth - 1) for _ in range(random.randrange(2, 4)))
    return And(children) if draw < 0.68 else Or(children)


def _value(node: Node, event: dict[str, str], known: dict[str, bool]) -> bool:
    match node:
        case And():
            return all(_value(child, event, known) for child in node.children)
        case Or():
            return any(_value(child, event, known) for child in node.children)
        case Not():
            return not _value(node.child, event, known)
        case Macro():
            return known[node.name]
        case Check(Field() as field, operator, Value(text=text)):
            return (event.get(field.key) == text) is (operator == "=")
    raise AssertionError(node)


def _fail(rule: Rule, error: Exception) -> None:
    raise AssertionError(rule.name) from error


@settings(max_examples=examples(60, 20_000), deadline=None)
@given(st.randoms(use_true_random=True), st.sampled_from(["first", "all"]))
def test_what_is_shared_and_deep_means_the_same(random: Random, matching: str) -> None:
    macros: dict[str, Node] = {}
    for number in range(random.randrange(1, 60)):
        macros[f"m{number}"] = _tree(random, list(macros))
    trees = [_tree(random, list(macros)) for _ in range(random.randrange(1, 5))]
    text = "".join(
        f"- macro: {name}\n  condition: {json.dumps(source(tree))}\n"
        for name, tree in macros.items()
    ) + "".join(rule(f"r{number}", source(tree)) for number, tree in enumerate(trees))
    config = EngineConfig(matching="all" if matching == "all" else "first", append_output=())
    engine = Engine(rules(text), config, on_failure=_fail)
    for _ in range(8):
        event = {name: random.choice("xyz") for name in _NAMES}
        type_ = event["evt.type"] = random.choice(("open", "close"))
        known: dict[str, bool] = {}
        for name, tree in macros.items():
            known[name] = _value(tree, event, known)
        wanted = [f"r{n}" for n, tree in enumerate(trees) if _value(tree, event, known)]
        found = [a.rule for a in engine.alerts("syscall", type_, Record(event), 1)]
        assert found == wanted[: None if matching == "all" else 1], text


@pytest.mark.parametrize("count", [2, 8, 9, 10, 40, 300])
def test_macros_that_double_with_every_line_cost_no_more_than_their_lines(count: int) -> None:
    macros = ["- macro: m0\n  condition: proc.name = x or proc.pname = y\n"]
    for number in range(1, count):
        below = f"m{number - 1}"
        condition = f"{below} and fd.num != {number} or not {below} and fd.num = {number}"
        macros.append(f"- macro: m{number}\n  condition: {condition}\n")
    last = count - 1
    engine = Engine(rules(*macros, rule("A", f"evt.type = open and m{last}")), on_failure=_fail)
    for name, number, held in (("x", 0, True), ("x", last, False), ("z", last, True)):
        record = Record({"proc.name": name, "fd.num": number})
        assert bool(engine.alerts("syscall", "open", record, 1)) is held
