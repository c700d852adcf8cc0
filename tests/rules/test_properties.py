"""The whole grammar by properties: printing, and both compilers against the interpreter."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.rules.ast import Node
from sidekick.rules.compile import Record, compile_tree
from sidekick.rules.falco_fields import FALCO_FIELDS, SOURCES
from sidekick.rules.load import load
from sidekick.rules.matcher import make_matcher
from sidekick.rules.parser import parse
from sidekick.rules.printer import canonical, source
from tests.nightly import examples
from tests.rules.grammar import CHECKS, RECORDS, TYPE_CHECKS, TYPES, trees
from tests.rules.interpreter import holds

EXAMPLES = examples(2_000, 50_000)


@settings(max_examples=EXAMPLES, deadline=None)
@given(trees())
def test_a_condition_reads_back_as_it_is_printed(tree: Node) -> None:
    printed = source(tree)
    assert parse(printed) == tree
    assert source(parse(printed)) == printed
    assert canonical(parse(printed)) == canonical(tree)


@settings(max_examples=EXAMPLES, deadline=None)
@given(trees(), RECORDS)
def test_the_function_means_what_the_interpreter_says(tree: Node, record: dict[str, Any]) -> None:
    assert compile_tree(tree, FALCO_FIELDS)(record) is holds(tree, record)


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(st.lists(trees(CHECKS | TYPE_CHECKS, 8), min_size=1, max_size=5), RECORDS)
def test_rules_match_what_the_interpreter_says(found: list[Node], record: dict[str, Any]) -> None:
    conditions = [*found, found[0]]  # what is written twice is asked once
    items = [
        {"rule": f"r{n}", "condition": source(tree), "desc": "d", "output": "o", "priority": "INFO"}
        for n, tree in enumerate(conditions)
    ]
    rules = load([("1.yaml", json.dumps(items))], sources=dict.fromkeys(SOURCES, FALCO_FIELDS))
    assert rules.ok, [error.describe(rules.contents) for error in rules.errors]
    code = rules.sources["syscall"]
    roots = [(rule.index, rule.node) for rule in rules.rules]
    for type_ in TYPES:
        event = Record(record, **{"evt.type": type_})
        wanted = [n for n, tree in enumerate(conditions) if holds(tree, event)]
        assert all(type_ in rules.rules[n].types for n in wanted)
        for every in (False, True):
            match = make_matcher(
                rules.graph, code.codes, code.names, roots, {"evt.type": type_}, every=every
            )
            assert list(match(event)) == wanted[: None if every else 1]
