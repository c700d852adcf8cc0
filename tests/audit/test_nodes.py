"""Paths through JSON, decoded and as it was sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sidekick.audit.nodes import MISSING, Inexact, child, follow, keys, opened, text

TREE: dict[str, Any] = {
    "a": {"b": [{"c": 1}, {"d": 2}, {"c": [3, 4]}]},
    "n": [[{"c": 5}], [{"c": 6}, 7]],
    "t": "x",
    "e": [],
}


def _texts(found: list[Any] | None) -> list[str | None] | None:
    return None if found is None else [None if n is MISSING else text(n) for n in found]


@pytest.mark.parametrize(
    ("path", "index", "wanted"),
    [
        ("a/b/c", None, ["1", None, "[3,4]"]),
        ("a/b/c", 2, ["[3,4]"]),
        ("a/b/c", 1, None),
        ("a/b/c", 3, None),
        ("a/x/c", None, None),
        ("n/c", None, ["5", "6", None]),
        ("t", None, ["x"]),
        ("t/u", None, None),
        ("e/c", None, []),
        ("e/c", 0, None),
    ],
)
def test_a_list_on_the_way_stands_for_its_elements(
    path: str, index: int | None, wanted: list[str | None] | None
) -> None:
    raw = msgspec.Raw(msgspec.json.encode(TREE))

    assert _texts(follow(raw, path.split("/"), index)) == wanted


@pytest.mark.parametrize(
    ("key", "wanted"),
    [("0", "5"), ("+1", "6"), ("-1", None), ("-0", "5"), ("2", None), ("x", None), ("1.0", None)],
)
def test_an_element_has_its_index_as_key(key: str, wanted: str | None) -> None:
    for node in ([5, 6], msgspec.Raw(b"[5,6]")):
        found = child(node, key)
        assert (None if found is MISSING else text(found)) == wanted


def test_a_decoded_object_does_not_know_how_it_was_written() -> None:
    nodes: list[Any] = [{}, [], 1.5]
    for node in nodes:
        with pytest.raises(Inexact):
            text(node)


def test_keys_come_in_the_order_in_which_they_were_sent() -> None:
    assert keys(msgspec.Raw(b'{"z":1,"a":2}')) == ["z", "a"]
    assert keys({"z": 1, "a": 2}) == ["z", "a"]
    assert keys([1]) == []


def test_only_the_first_level_is_opened() -> None:
    assert opened(msgspec.Raw(b'"x"')) == "x"
    assert opened(msgspec.Raw(b"17")) == msgspec.Raw(b"17")
    assert all(type(one) is msgspec.Raw for one in opened(msgspec.Raw(b"[{},[]]")))
