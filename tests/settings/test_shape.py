from __future__ import annotations

import pytest
from pydantic import Field

from sidekick.section import Secret, Section
from sidekick.settings.shape import holds_secret, keys_at, secrets, types_at, without_blanks
from sidekick.settings.tree import Path


class Leaf(Section):
    word: str = ""
    token: Secret | None = None
    tokens: list[Secret] = Field(default_factory=list)
    headers: dict[str, Secret] = Field(default_factory=dict)
    from_: str = Field("", alias="from")


class Other(Section):
    number: int = 0


class Root(Section):
    leaf: Leaf = Leaf()
    leaves: list[Leaf] = Field(default_factory=list)
    named: dict[str, Leaf | Other] = Field(default_factory=dict)
    pair: tuple[int, Leaf] | None = None
    free: dict[str, object] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("path", "types"),
    [
        ((), [Root]),
        (("leaf",), [Leaf]),
        (("leaf", "word"), [str]),
        (("leaf", "from"), [str]),
        (("leaf", "wrod"), []),
        (("leaf", "word", "x"), []),
        (("leaves", 3), [Leaf]),
        (("leaves", "x"), []),
        (("named", "a"), [Leaf, Other]),
        (("named", "a", "number"), [int]),
        (("pair", 1), [Leaf]),
        (("pair", 2), []),
        (("pair", "x"), []),
        (("free", "x"), [object]),
    ],
)
def test_a_path_leads_to_the_types_wanted_there(path: Path, types: list[type]) -> None:
    assert types_at(Root, path) == types


def test_keys_have_the_names_of_the_file() -> None:
    assert keys_at(Root, ("leaf",)) == ["word", "token", "tokens", "headers", "from"]
    assert keys_at(Root, ("named", "x"))[-1] == "number"
    assert keys_at(Root, ("nothing",)) == []


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (("leaf", "token"), True),
        (("leaf", "tokens"), True),
        (("leaf", "tokens", 0), True),
        (("leaf", "headers", "x"), True),
        (("leaf", "word"), False),
        (("leaf",), False),
        (("free", "x"), False),
    ],
)
def test_secrets_are_known_by_their_type(path: Path, secret: bool) -> None:
    assert holds_secret(Root, path) is secret


def test_every_secret_text_of_a_value_is_found() -> None:
    value = {"leaf": {"token": 12, "tokens": ["a", None], "headers": {"x": "b"}, "word": "c"}}
    assert list(secrets(value, Root)) == [
        (("leaf", "token"), "12"),
        (("leaf", "tokens", 0), "a"),
        (("leaf", "headers", "x"), "b"),
    ]


def test_known_keys_without_a_value_are_left_out_and_unknown_ones_stay() -> None:
    value = {"leaf": None, "leaves": [{"word": None, "wrod": None}], "free": {"x": None}}
    assert without_blanks(value, Root) == {"leaves": [{"wrod": None}], "free": {"x": None}}
