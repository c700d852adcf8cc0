"""``sidekick rules parse``."""

from __future__ import annotations

import json

import pytest

from tests.cli.rules.conftest import Command


def test_a_condition_gives_its_canonical_form_and_its_tree(rules: Command) -> None:
    done = rules("parse", "evt.type=open and not proc.name in (cat, 'a b')")
    assert done.code == 0
    (line,) = done.lines
    found = json.loads(line)
    assert found["ok"] is True
    assert found["canonical"] == '(evt.type = open and not proc.name in (cat, "a b"))'
    assert found["ast"] == {
        "type": "and",
        "children": [
            {
                "type": "check",
                "operator": "=",
                "modifier": None,
                "left": {"type": "field", "name": "evt.type", "argument": None},
                "right": {"type": "value", "value": "open"},
            },
            {
                "type": "not",
                "child": {
                    "type": "check",
                    "operator": "in",
                    "modifier": None,
                    "left": {"type": "field", "name": "proc.name", "argument": None},
                    "right": {"type": "list", "values": ["cat", "a b"]},
                },
            },
        ],
    }


@pytest.mark.parametrize(
    ("condition", "ast"),
    [
        ("a_macro", {"type": "macro", "name": "a_macro"}),
        (
            "a or b",
            {
                "type": "or",
                "children": [{"type": "macro", "name": "a"}, {"type": "macro", "name": "b"}],
            },
        ),
        (
            "proc.aname[2] exists",
            {
                "type": "check",
                "operator": "exists",
                "modifier": None,
                "left": {"type": "field", "name": "proc.aname", "argument": "2"},
                "right": None,
            },
        ),
        (
            "f.x startswith anyof (a)",
            {
                "type": "check",
                "operator": "startswith",
                "modifier": "anyof",
                "left": {"type": "field", "name": "f.x", "argument": None},
                "right": {"type": "list", "values": ["a"]},
            },
        ),
        (
            "join('-', (f.x, 'y'))[k] = val(f.z)",
            {
                "type": "check",
                "operator": "=",
                "modifier": None,
                "left": {
                    "type": "transformer",
                    "name": "join",
                    "arguments": [
                        {"type": "value", "value": "-"},
                        {
                            "type": "list",
                            "values": [
                                {"type": "field", "name": "f.x", "argument": None},
                                {"type": "value", "value": "y"},
                            ],
                        },
                    ],
                    "argument": "k",
                },
                "right": {
                    "type": "transformer",
                    "name": "val",
                    "arguments": [{"type": "field", "name": "f.z", "argument": None}],
                    "argument": None,
                },
            },
        ),
    ],
)
def test_each_part_of_the_tree_has_its_shape(
    rules: Command, condition: str, ast: dict[str, object]
) -> None:
    assert json.loads(rules("parse", condition).out)["ast"] == ast


def test_a_bad_condition_is_told_with_its_place(rules: Command) -> None:
    done = rules("parse", "evt.type = open\n  and and b")
    assert done.code == 1
    found = json.loads(done.out)
    assert found["ok"] is False
    assert found["error"]
    assert (found["line"], found["column"]) == (2, 11)


def test_conditions_are_answered_line_by_line(rules: Command) -> None:
    lines = ['"a"', "", '"a and"', "5", "{", '"b \\u00e9"', '"\\ud800"']
    done = rules("parse", "-", stdin="\n".join(lines))
    assert done.code == 0
    assert [json.loads(line)["ok"] for line in done.lines] == [True] + [False] * 5


def test_no_depth_is_too_deep_for_the_answer(rules: Command) -> None:
    deep = "not (a or " * 450 + "b" + ")" * 450
    done = rules("parse", deep)
    assert done.code == 0
    assert done.out.count('{"type":"not"') == 450
    assert rules("parse", "(" * 5000).code == 1
