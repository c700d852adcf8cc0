"""Lists in conditions: what counts as a name, what stands there instead, and how much."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rules.definitions import ListDefinition
from sidekick.rules.findings import Context
from sidekick.rules.resolve import TEXT_LIMIT, TOTAL_LIMIT, Lists, TooLong, quote_item

SOMEWHERE = Context.of_file("1.yaml")


def lists(**items: list[str]) -> Lists:
    """Lists in the order in which they are given; ``a_b`` is named "a b"."""
    return Lists(
        {
            (named := name.replace("_", " ")): ListDefinition(named, found, SOMEWHERE, n, n)
            for n, (name, found) in enumerate(items.items())
        }
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("proc.name in (l)", "proc.name in ( x, y )"),
        ("proc.name in ( l )", "proc.name in ( x, y )"),
        ("proc.name in (a,l,b)", "proc.name in (a, x, y ,b)"),
        ("proc.name in (l, l)", "proc.name in ( x, y , x, y )"),
        ("proc.name in l", "proc.name in x, y "),
        ("proc.name=l", "proc.name= x, y "),
        ("l and x", "x, y and x"),
        ("proc.name in (ll, al, l1, l.x, l-a)", "proc.name in (ll, al, l1, l.x, l-a)"),
        ("proc.name = \"l\"", "proc.name = \"l\""),
        ("proc.name = \"a l b\"", "proc.name = \"a x, y b\""),
        ("proc.name = \"a l l b\"", "proc.name = \"a x, y x, y b\""),
        ("proc.name in (\n l\n)", "proc.name in ( x, y )"),
        ("nothing", "nothing"),
    ],
)  # fmt: skip
def test_a_name_that_stands_alone_is_replaced_by_the_items(text: str, wanted: str) -> None:
    assert lists(l=["x", "y"]).substitute(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("in (l)", "in (  )"),
        ("in (a, l)", "in (a  )"),
        ("in (l, a)", "in (   a)"),
        ("in (a, l, b)", "in (a  , b)"),
        ("in (a,l)", "in (a  )"),
    ],
)
def test_an_empty_list_takes_a_comma_with_it(text: str, wanted: str) -> None:
    assert lists(l=[]).substitute(text) == wanted
    assert lists(l=["", ""]).substitute(text).replace(",", "") == wanted.replace(",", "")


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        ("a", "a"), ("a b", '"a b"'), ('"a b"', '"a b"'), ("'a b'", "'a b'"), ("", ""),
        ('a"b c', '"a"b c"'), ("a\tb", "a\tb"), (" a", '" a"'),
    ],
)  # fmt: skip
def test_items_with_blanks_are_quoted_as_falco_does(item: str, wanted: str) -> None:
    assert quote_item(item) == wanted


def test_the_name_of_an_earlier_list_among_items_stands_for_its_items_once() -> None:
    found = lists(a=["1"], b=["a", "2"], c=["b", "3"])
    assert found.items("b") == ["1", "2"]
    # One level of raw items: "a" in c's copy of b is the name again; lists before c are done then.
    assert found.items("c") == ["a", "2", "3"]
    assert found.substitute("in (c)") == "in ( a, 2, 3 )"


def test_a_later_list_among_items_is_replaced_in_the_condition() -> None:
    found = lists(a=["1", "b"], b=["2", "c"], c=["3"])
    assert found.items("a") == ["1", "b"]
    assert found.substitute("in (a)") == "in ( 1, 2, 3 )"
    assert found.used == {"a", "b", "c"}


def test_a_list_in_its_own_items_stays() -> None:
    assert lists(a=["a", "b"]).substitute("in (a)") == "in ( a, b )"


def test_a_list_is_used_if_it_is_named_in_a_condition_or_a_list() -> None:
    found = lists(a=["1"], b=["a"], c=["2"])
    assert found.used == {"a"}
    found.substitute("in (c)")
    assert found.used == {"a", "c"}


@pytest.mark.parametrize("text", ["in (a b)", "in ( a b )", "in (x, a b)"])
def test_a_name_with_a_blank_is_found_as_well(text: str) -> None:
    found = lists(a_b=["1", "2"])
    assert "1, 2" in found.substitute(text)
    assert found.used == {"a b"}
    assert "1" not in found.substitute("in (a bc, xa b, a  b)")


def test_what_doubles_with_every_list_is_bounded() -> None:
    doubling = {f"l{n}": [f"l{n + 1}", f"l{n + 1}"] for n in range(60)} | {"l60": ["x"]}
    found = lists(**doubling)
    with pytest.raises(TooLong):
        found.substitute("in (l0)")


def test_what_conditions_multiply_is_bounded() -> None:
    found = lists(l=["x" * 998] * (TEXT_LIMIT // 2000))
    for _ in range(TOTAL_LIMIT // (TEXT_LIMIT // 2)):
        found.substitute("in (l)")
    with pytest.raises(TooLong, match="all conditions"):
        found.substitute("in (l)")


def test_many_lists_in_one_condition_take_linear_time() -> None:
    def seconds(count: int) -> float:
        found = lists(**{f"l{n}": ["x"] for n in range(count)})
        text = "in (" + ", ".join(f"l{n}" for n in range(count)) + ")"
        gc.disable()  # a collection goes through all that other tests have left
        try:
            began = time.process_time()
            found.substitute(text)
            return time.process_time() - began
        finally:
            gc.enable()

    small, large = (min(seconds(count) for _ in range(3)) for count in (2_000, 20_000))
    assert large < 50 * small


def test_the_origin_of_a_place_is_where_it_was_written() -> None:
    found = lists(l=["x", "y"], m=["z"], n_o=["q"])
    before = "a in (l) and b in (m, n o) and c"
    after = found.substitute(before)
    for word in ("and b", "and c", "b in"):
        assert found.origin(before, after.index(word)) == before.index(word)
    for item, name in (("x", "l)"), ("y", "l)"), ("z", "m,"), ("q", "n o")):
        assert found.origin(before, after.index(item)) == before.index(name)


_WORDS = st.lists(st.sampled_from(["l", "m", "a", "(", ")", ",", "=", " ", "lm"]), max_size=30)


@given(_WORDS)
def test_every_place_has_an_origin(words: list[str]) -> None:
    found = lists(l=["x", "m"], m=[], l_m=["y"])
    before = "".join(words)
    after = found.substitute(before)
    places = [found.origin(before, place) for place in range(len(after) + 1)]
    assert all(0 <= place <= len(before) for place in places)
    assert places == sorted(places)
