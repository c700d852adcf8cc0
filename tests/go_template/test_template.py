"""What a template says of a text that it refuses, and its bounds."""

from __future__ import annotations

import pytest

from sidekick.go_template import Template


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ .Rule", '1:1: "{{" without "}}"'),
        ("a\n{{ .Rule | upper }}", '2:12: there is no function "upper"; known: and, eq'),
        ("{{ if .Rule }}x", "1:1: a block without its {{ end }}"),
        ("x{{ end }}", "1:2: end without a block"),
        ('{{ "abc }}', "1:4: a text that does not end"),
        ("{{ .a b }}", '1:7: .a takes no arguments'),
        ("{{ $y }}", "1:4: the variable $y is not set before"),
        ("{{ define `x` }}{{ end }}", "1:4: define is not supported"),
        ("{{ template `x` }}", "1:4: template is not supported"),
        ("{{ call .x }}", "1:4: call is not supported"),
        ("{{ # }}", '1:4: unexpected "#"'),
        ("{{ (1 }}", '1:4: "(" without ")"'),
        ("{{ '\\z' }}", "1:4: not a constant of Go's"),
        ("{{ range $a, $b, $c := .x }}{{ end }}", "one or two variables"),
        ("{{ range .x }}{{ else if .y }}{{ end }}", "unexpected if after else"),
        ("{{ " + "(" * 60 + "}}", "more than 50 parentheses"),
        ("{{ if 1 }}" * 60, "more than 50 blocks in each other"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^\d+:\d+: ") as raised:
        Template(text)
    assert reason in str(raised.value)


def test_a_field_that_the_data_never_has_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"1:4: there is no field \.Rul; known: Output, Rule"):
        Template("{{ .Rul }}", fields=("Rule", "Output"))
    with pytest.raises(ValueError, match=r"\.Rul"):
        Template("{{ range .Output }}{{ $.Rul }}{{ end }}", fields=("Rule", "Output"))
    inner = Template("{{ with .Output }}{{ .any }}{{ end }}", fields=("Rule", "Output"))
    assert inner.fill({"Output": {"any": "x"}}) == "x"
    hidden = Template("{{ $x := . }}{{ $x.Rul }}", fields=("Rule",))
    assert hidden.run({"Rule": "r"}).fault == "1:19: there is no field .Rul"


def test_after_a_fault_the_text_up_to_there_is_kept() -> None:
    found = Template("a {{ .x }} b {{ index .list 9 }} c").run({"x": "1", "list": []})
    assert found == ("a 1 b ", "1:17: index: 9 is out of range")
    assert Template("a {{ index .x 1 }}").fill({}) == "a "


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{ .n }} {{ .f }}", "1600000000000000001 1.50"),
        ("{{ eq .n `1600000000000000001` }}", "true"),
        ("{{ eq .n 1600000000000000001 }} {{ gt .n 5 }}", "true true"),
        ("{{ printf `%d %s` .n .n }}", "1600000000000000001 1600000000000000001"),
    ],
)
def test_numbers_of_json_are_numbers_and_text(text: str, wanted: str) -> None:
    found = Template(text).fill({"n": 1_600_000_000_000_000_001, "f": 1.5})
    assert found == wanted.replace("1.50", "1.5")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ range 1000 }}{{ range 1000 }}x{{ end }}{{ end }}", "more than 100000 rounds"),
        ("{{ range .long }}{{ $.text }}{{ end }}", "longer than 1000000 characters"),
    ],
)
def test_a_template_ends(text: str, reason: str) -> None:
    found = Template(text).run({"long": [0] * 2000, "text": "x" * 1000})
    assert reason in found.fault
    assert len(found.text) <= 1_000_000
