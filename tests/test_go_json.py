"""Go's JSON; that it is Go's for any alert is judged in tests/sinks/falcosidekick/test_go.py."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from sidekick.go_json import encode, ordered


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<&>", r'"\u003c\u0026\u003e"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ('"\\/\n\t\r\b\f\x00\x1f\x7f', '"\\"\\\\/\\n\\t\\r\\b\\f\\u0000\\u001f\x7f"'),
        ("é🐚", '"é🐚"'),
        ("cut\udce2\udc82.", r'"cut\ufffd\ufffd."'),
        ({"b": ["x\udcff"], "a": None}, r'{"b":["x\ufffd"],"a":null}'),
        ({"n": Raw(b"1.50")}, '{"n":1.50}'),
    ],
)
def test_texts_have_gos_escapes(value: Any, text: str) -> None:
    assert encode(value).decode() == text


def test_members_are_sorted_at_every_depth_and_numbers_keep_their_digits() -> None:
    found = ordered(
        rb'{"b":{"z":1.50,"a":[{"y":1e2,"x":"\u003c"}]},"a":"text","n":12345678901234567890}'
    )
    assert list(found) == ["a", "b", "n"]
    assert found["a"] == "text"
    assert encode(found).decode() == (
        r'{"a":"text","b":{"a":[{"x":"\u003c","y":1e2}],"z":1.50},"n":12345678901234567890}'
    )
