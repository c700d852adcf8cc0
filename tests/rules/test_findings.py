"""Findings: for people as ``file:line:column``, for programs in the shape of Falco's result."""

from __future__ import annotations

from textwrap import dedent

import pytest

from sidekick.rules.findings import Code, Context, FileResult, Finding
from sidekick.rules.yaml_tree import Mark
from tests.rules.loading import RULE, loaded

TEXT = dedent("""
    - list: names
      items: [cat, dog]

    - rule: A
      desc: a rule
      condition: >
        evt.type in (open, openat)
        and proc.name in (names)
        and proc.nam = cat
      output: x
      priority: INFO
""").lstrip()


def test_a_condition_is_at_fault_at_its_very_place_in_the_file() -> None:
    rules = loaded(TEXT)
    (found,) = rules.errors
    assert found.describe(rules.contents) == (
        '1.yaml:9:9: nonexistent field "proc.nam"; did you mean "proc.name"? (in rule \'A\')'
    )
    assert found.lines(rules.contents) == "    and proc.nam = cat\n        ^\n"


def test_the_json_form_is_falcos() -> None:
    rules = loaded(TEXT)
    (result,) = rules.as_json()["falco_load_results"]
    (error,) = result.pop("errors")
    assert result == {
        "name": "1.yaml",
        "schema_valid": "ok",
        "schema_warnings": [],
        "successful": False,
        "warnings": [],
    }
    context = error.pop("context")
    assert error == {
        "code": "LOAD_ERR_COMPILE_CONDITION",
        "codedesc": "Error compiling condition",
        "message": 'nonexistent field "proc.nam"; did you mean "proc.name"?',
    }
    steps = [(step["item_type"], step["item_name"]) for step in context["locations"]]
    assert steps == [
        ("rules content", ""), ("rule", "A"), ("rule condition", ""), ("condition expression", ""),
    ]  # fmt: skip
    places = [step["position"] for step in context["locations"]]
    assert places[0] == {"column": 0, "line": 0, "name": "1.yaml", "offset": 0}
    assert (places[1]["line"], places[1]["column"]) == (3, 2), "from 0, as Falco counts in YAML"
    assert places[3]["name"] == '"evt.type in (open..."'
    snippet = context["snippet"].splitlines()
    assert "proc.nam = cat" in snippet[0]
    assert snippet[1].index("^") == snippet[0].index("proc.nam ")


def test_what_falcos_schema_knows_not_is_in_the_result() -> None:
    rules = loaded(RULE + "  tag: [a]\n")
    (result,) = rules.as_json()["falco_load_results"]
    assert (result["successful"], result["schema_valid"]) == (True, "failed")
    assert result["schema_warnings"] == ["Unknown key 'tag' is ignored; did you mean 'tags'?"]


def test_every_code_is_an_error_or_a_warning() -> None:
    result = FileResult("1.yaml")
    for code in Code:
        result.warn(code, "x", Context.of_file("1.yaml"))
    assert {found.code.name for found in result.errors} == {
        f"LOAD_ERR_{name}"
        for name in ("FILE_READ", "YAML_PARSE", "YAML_VALIDATE", "COMPILE_CONDITION",
                     "COMPILE_OUTPUT", "VALIDATE", "EXTENSION")
    }  # fmt: skip
    assert len(result.warnings) == 15


@pytest.mark.parametrize(
    ("text", "offset", "wanted"),
    [
        ("", 0, ""),
        ("abc", 1, "abc\n ^\n"),
        ("abc\ndef", 5, "def\n ^\n"),
        ("abc\ndef", 3, "abc\n  ^\n"),
        ("abc", 99, "abc\n  ^\n"),
        ("a\tb", 2, "a b\n  ^\n"),
        ("x" * 500, 250, "x" * 160 + "\n" + " " * 80 + "^\n"),
    ],
)
def test_a_snippet_is_the_line_with_a_caret(text: str, offset: int, wanted: str) -> None:
    context = Context.of_file("1.yaml").inside(Mark(0, 0, offset), "rule", "A")
    assert Finding(Code.LOAD_ERR_VALIDATE, "x", context).snippet({"1.yaml": text}) == wanted


def test_without_the_text_there_is_a_place_all_the_same() -> None:
    (found,) = loaded(TEXT).errors
    assert found.describe({}).startswith("1.yaml:6:14: nonexistent field")
    assert found.lines({}) == ""
