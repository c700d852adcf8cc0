"""YAML as a tree of texts: places, repeated keys, aliases, and what is too much."""

from __future__ import annotations

from typing import Any

import pytest

from sidekick.rules import yaml_tree
from sidekick.rules.yaml_tree import BadYaml, Mapping, Node, Scalar, Sequence, documents


def plain(node: Node) -> Any:
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key: plain(value) for key, value in node.pairs.items()}


def read(text: str) -> list[Any]:
    return [plain(node) for node in documents(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("---\n...\n---\n", []),
        ("a", ["a"]),
        ("[a, 1, true, null, ~, '', x y]", [["a", "1", "true", "null", "~", "", "x y"]]),
        ("{a: {b: [c]}, d: }", [{"a": {"b": ["c"]}, "d": ""}]),
        ("a: 1\na: 2", [{"a": "1"}]),
        ("a: [1]\na: [2]", [{"a": ["1"]}]),
        ("- a\n---\n- b", [["a"], ["b"]]),
        ("[&x a, *x]", [["a", "a"]]),
        ("a: &x [b]\nc: *x", [{"a": ["b"], "c": ["b"]}]),
        ("? [a]\n: b\nc: d", [{"?": "b", "c": "d"}]),
        ("? {a: b}\n: [c]\nd: e", [{"?": ["c"], "d": "e"}]),
        ("!!int 5", ["5"]),
        ("a: >\n  b\n  c\n", [{"a": "b c\n"}]),
    ],
)
def test_scalars_are_texts(text: str, wanted: list[Any]) -> None:
    assert read(text) == wanted


def test_nodes_and_keys_have_places() -> None:
    (node,) = documents("a: b\nc:\n  - d\n")
    assert isinstance(node, Mapping)
    assert node.marks == {"a": (0, 0, 0), "c": (1, 0, 5)}
    found = node.pairs["c"]
    assert isinstance(found, Sequence)
    assert found.mark == (2, 2, 10)
    assert found.items[0].mark == (2, 4, 12)


@pytest.mark.parametrize("text", ["~", "null", "NULL", "Null", "- ~", "- "])
def test_null_is_a_plain_scalar(text: str) -> None:
    found = documents(text)
    node = found[0].items[0] if found and isinstance(found[0], Sequence) else None
    assert node is None or (isinstance(node, Scalar) and node.null)


def test_a_quoted_null_is_a_text() -> None:
    (node,) = documents("['null']")
    assert isinstance(node, Sequence)
    assert isinstance(node.items[0], Scalar)
    assert not node.items[0].null


@pytest.mark.parametrize(
    ("text", "reason", "mark"),
    [
        ("[a]]", "", (0, 3, 3)),
        ("a: b: c", "mapping values are not allowed", (0, 4, 4)),
        ("*a", "undefined alias 'a'", (0, 0, 0)),
        ("&a [*a]", "undefined alias 'a'", (0, 4, 4)),
        ("a: &a b\n---\n*a", "undefined alias 'a'", (2, 0, 12)),
        ("\tx: y", "", (0, 0, 0)),
        ("%BAD", "", None),
        ("a\x00b", "", None),
        ("\ud800", "", None),
    ],
)
def test_what_is_no_yaml_is_refused(
    text: str, reason: str, mark: tuple[int, int, int] | None
) -> None:
    with pytest.raises(BadYaml) as raised:
        documents(text)
    assert reason in raised.value.reason
    assert mark is None or raised.value.mark == mark


def test_deep_nesting_is_refused() -> None:
    assert read("[" * 50 + "]" * 50)
    with pytest.raises(BadYaml, match="nested deeper"):
        documents("[" * 5000)


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(BadYaml, match="aliases stand for more than"):
        documents("\n".join(lines))


def test_what_an_alias_repeats_is_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "ALIASED_LIMIT", 100)
    assert read("[&x " + "a" * 40 + ", *x, *x]")
    with pytest.raises(BadYaml):
        documents("[&x " + "a" * 40 + ", *x, *x, *x]")
    with pytest.raises(BadYaml):
        documents("a: &x [" + "a, " * 20 + "]\nb: [*x, *x, *x]")


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "NODES_LIMIT", 10)
    with pytest.raises(BadYaml, match="more than 10 values"):
        documents("[" + "a, " * 11 + "]")
