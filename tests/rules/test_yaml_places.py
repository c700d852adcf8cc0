"""From a character of a scalar's value back to its place in the file, for every style."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rules.yaml_places import place_in_scalar
from sidekick.rules.yaml_tree import Mapping, Mark, Scalar, documents


def place(text: str, word: str) -> Mark:
    """Where a word of the value of ``key`` is found in the text."""
    (node,) = documents(text)
    assert isinstance(node, Mapping)
    scalar = node.pairs["key"]
    assert isinstance(scalar, Scalar)
    return place_in_scalar(text, scalar.mark, scalar.text, scalar.text.index(word))


@pytest.mark.parametrize(
    "text",
    [
        "key: one two HERE three",
        "key: one two\n  HERE three\nother: x",
        "key: >\n  one two\n\n  HERE three\n",
        "key: |\n  one two\n    HERE three\n",
        "key: >-\n    one\n    two HERE\n",
        "key: |2+\n   one\n   HERE\n",
        'key: "one two HERE"',
        "key: 'it''s HERE'",
        'key: "a \\"quoted\\" HERE"',
        "key: &anchor one HERE",
        "key: !!str\n  one HERE",
        "key: !!str >\n  one HERE",
        "key: > # a comment\n  one HERE\n",
        "a: b\nkey: HERE",
        "key: >\r\n  one two\r\n  HERE three\r\n",
        "key: é ü HERE",
    ],
)
def test_a_word_is_found_where_it_stands(text: str) -> None:
    mark = place(text, "HERE")
    assert text[mark.offset :].startswith("HERE")
    lines = text[: mark.offset].replace("\r\n", "\n").split("\n")
    assert (mark.line, mark.column) == (len(lines) - 1, len(lines[-1]))


def test_what_is_not_there_has_the_place_of_the_scalar() -> None:
    assert place_in_scalar("key: abc", Mark(0, 5, 5), "xyz other", 5) == Mark(0, 5, 5)


_WORDS = st.lists(st.sampled_from(["a", "bb", "a.b", "(x", "y)", "and"]), min_size=1, max_size=12)


@given(_WORDS, st.sampled_from([">", "|", ">-", "|+"]), st.data())
def test_every_word_of_a_block_is_found(words: list[str], style: str, data: st.DataObject) -> None:
    breaks = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    body = "".join(w + ("\n  " if b else " ") for w, b in zip(words, breaks, strict=True))
    text = f"key: {style}\n  {body}"
    (node,) = documents(text)
    assert isinstance(node, Mapping)
    scalar = node.pairs["key"]
    assert isinstance(scalar, Scalar)
    at = 0
    for word in words:
        at = scalar.text.index(word, at)
        mark = place_in_scalar(text, scalar.mark, scalar.text, at)
        assert text[mark.offset :].startswith(word)
        at += len(word)
