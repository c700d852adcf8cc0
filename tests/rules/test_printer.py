"""Conditions as text: what is printed reads back as the same tree."""

from __future__ import annotations

from hypothesis import given, settings

from sidekick.rules.ast import Node
from sidekick.rules.layout import layout
from sidekick.rules.parser import parse
from sidekick.rules.printer import canonical, source
from tests.nightly import examples
from tests.rules.grammar import trees


@settings(max_examples=examples(1_000, 50_000), deadline=None)
@given(trees())
def test_a_condition_reads_back_as_it_is_printed(tree: Node) -> None:
    printed = source(tree)
    assert parse(printed) == tree
    assert source(parse(printed)) == printed
    assert canonical(parse(printed)) == canonical(tree)


@given(trees(size=40))
def test_several_lines_read_back_as_well(tree: Node) -> None:
    assert parse("\n".join(layout(tree))) == tree
