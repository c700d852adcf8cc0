"""The graph of conditions: what is written twice is one node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rules.ast import And, Check, Field, Macro, Node, Not, Or, Value
from sidekick.rules.graph import Graph, Origin, UndefinedMacro

NOWHERE = Origin("", [])
A, B, C = (Check(Field("evt.num"), "=", Value(text)) for text in "123")


def test_equal_conditions_are_one_node() -> None:
    graph = Graph()
    first = graph.add(And((A, Not(B))), {}, NOWHERE)
    assert graph.add(And((A, Not(B))), {}, NOWHERE) == first
    assert graph.add(And((Not(B), A)), {}, NOWHERE) != first
    assert len(graph.nodes) == 5


def test_the_place_does_not_make_a_check_another() -> None:
    graph = Graph()
    assert graph.add(A, {}, NOWHERE) == graph.add(
        Check(Field("evt.num"), "=", Value("1"), place=B.place), {}, NOWHERE
    )


def test_a_macro_is_the_node_of_its_condition() -> None:
    graph = Graph()
    node = graph.add(Or((A, B)), {}, NOWHERE)
    whole = graph.add(And((Macro("m"), C)), {"m": node}, NOWHERE)
    assert graph.tree(whole) == And((Or((A, B)), C))
    with pytest.raises(UndefinedMacro) as raised:
        graph.add(Macro("n"), {"m": node}, NOWHERE)
    assert raised.value.node == Macro("n")


_TREES: st.SearchStrategy[Node] = st.recursive(
    st.sampled_from([A, B, C]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(inner, min_size=2, max_size=3).map(lambda found: Or(tuple(found))),
        inner.map(Not),
    ),
    max_leaves=20,
)


def leaves(tree: Node) -> int:
    match tree:
        case And(children) | Or(children):
            return sum(map(leaves, children))
        case Not(child):
            return leaves(child)
    return 1


@given(st.lists(_TREES, min_size=1, max_size=4))
def test_a_tree_comes_out_as_it_went_in(trees: list[Node]) -> None:
    graph = Graph()
    numbers = [graph.add(tree, {}, NOWHERE) for tree in trees]
    for tree, number in zip(trees, numbers, strict=True):
        assert graph.tree(number) == tree
        assert graph.size(number) == leaves(tree)
        assert all(child < number for child in graph.inside([number]) - {number})
        assert set(graph.checks(number)) <= graph.inside([number])
