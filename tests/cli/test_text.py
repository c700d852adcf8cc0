"""Text for a terminal: nothing that an alert says may steer it, and columns that line up."""

from __future__ import annotations

import json
import unicodedata

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.cli._text import (
    counted,
    length,
    print_json,
    print_table,
    safe,
    safe_json,
    size,
)


@given(st.text())
def test_safe_text_is_one_line_without_anything_that_steers(text: str) -> None:
    shown = safe(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200f")


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner)))
def test_safe_json_means_the_same(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert json.loads(safe_json(text)) == value
    assert safe_json(text).isascii() or "\x1b" not in safe_json(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eevil", "\\u202eevil"),
        ("Zürich 漢字", "Zürich 漢字"),
    ],
)
def test_what_could_steer_is_written_as_an_escape(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_columns_are_as_wide_as_their_widest_cell_and_numbers_stand_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("LANE", "WAITING", "ERROR"), [("a", 5, ""), ("longer", 12_345, "refused\n")])
    assert capsys.readouterr().out.splitlines() == [
        "LANE    WAITING  ERROR",
        "a             5  ",
        "longer   12,345  refused\\n",
    ]


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "a\u2028b\x1b"})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"text": "a\u2028b\x1b"}


@pytest.mark.parametrize(
    ("count", "one", "many", "text"),
    [
        (0, "alert", "", "0 alerts"),
        (1, "alert", "", "1 alert"),
        (1234, "alert", "", "1,234 alerts"),
        (2, "body", "bodies", "2 bodies"),
    ],
)
def test_a_number_has_the_right_word(count: int, one: str, many: str, text: str) -> None:
    assert counted(count, one, many) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "250ms"), (1, "1s"), (119, "119s"), (120, "2m"), (7200, "2h"), (200_000, "2d")],
)
def test_a_length_of_time_is_short(seconds: float, text: str) -> None:
    assert length(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 * 1024**3, "5.0 GiB"),
        (2**50, "1024.0 TiB"),
    ],
)
def test_a_size_is_in_the_unit_that_people_read(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("columns", "terminal", "last"),
    [(48, True, "the first of many word…"), (1, True, "the first of many w…"), (40, False, None)],
)
def test_on_a_terminal_the_last_column_takes_no_second_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: int,
    terminal: bool,
    last: str | None,
) -> None:
    error = "the first of many words of an error"
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    print_table(("LANE", "ERROR"), [("a" * 23, error)], clip=True)
    assert click.unstyle(capsys.readouterr().out).splitlines()[1] == f"{'a' * 23}  {last or error}"


def test_letters_that_take_two_columns_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("日本", "x"), ("e\u0301t", "x"), ("🚨", "x"), ("abcd", "x")]
    print_table(("NAME", "NEXT"), rows)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert lines == ["日本  x", "e\u0301t    x", "🚨    x", "abcd  x"]
