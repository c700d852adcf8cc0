"""The reference and the schema, from section classes that are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from sidekick.section import Duration, Secret, Section, Size
from sidekick.settings.model import Settings
from sidekick.settings.reference import MARK, document_text, settings_of, type_text
from sidekick.settings.schema import docstrings, installed, json_schema


class Inner(Section):
    """A part of another section."""

    name: str
    """Its name."""


class Base(Section):
    """What several have."""

    first: int = Field(3, ge=1, le=9)
    """A number."""


class Example(Base):
    """Every kind of key there is."""

    wait: Duration = 90.0
    """A time
    in two lines."""
    room: Size = 64 * 1024**2
    """A size."""
    word: Literal["a", "b"] = "a"
    """A choice."""
    hidden: Secret = Secret("")
    """A secret."""
    names: tuple[str, ...] = ("x",)
    """A list."""
    place: Path | None = None
    """A path, or none."""
    inner: Inner | None = None
    """A section, or none."""
    many: dict[str, Inner] = Field(default_factory=dict)
    """Sections by name."""
    alias: bool = Field(False, alias="continue")
    """A key whose name is a word of Python's."""
    bare: float = 0.5


ROWS = {path: (kind, default, about) for path, kind, default, about in settings_of(Example, "e.")}


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("e.first", ("whole number, 1 to 9", "`3`", "A number.")),
        ("e.wait", ("duration", "`90s`", "A time in two lines.")),
        ("e.room", ("size", "`64MiB`", "A size.")),
        ("e.word", ("`a`, `b`", "`a`", "A choice.")),
        ("e.hidden", ("secret", "", "A secret.")),
        ("e.names", ("list of text", '`["x"]`', "A list.")),
        ("e.place", ("path", "", "A path, or none.")),
        ("e.inner", ("section", "", "A section, or none.")),
        ("e.inner.name", ("text", "**required**", "Its name.")),
        ("e.many.NAME.name", ("text", "**required**", "Its name.")),
        ("e.continue", ("true or false", "`false`", "A key whose name is a word of Python's.")),
        ("e.bare", ("number", "`0.5`", "")),
    ],
)
def test_a_setting_is_told_as_people_write_it(path: str, row: tuple[str, str, str]) -> None:
    assert ROWS[path] == row


def test_docstrings_are_read_from_the_source_of_all_classes() -> None:
    found = docstrings(Example)
    assert found["first"] == "A number."
    assert found["wait"].splitlines() == ["A time", "in two lines."]
    assert "bare" not in found


@pytest.mark.parametrize(
    ("annotation", "text"),
    [(int, "whole number"), (list[int], "list of whole number"), (dict[str, str], "map of text")],
)
def test_a_type_has_words(annotation: Any, text: str) -> None:
    class One(BaseModel):
        key: annotation

    assert type_text(One.model_fields["key"]) == text


def test_what_is_written_by_hand_stays() -> None:
    made = document_text("# By hand\n\n" + MARK + "old")
    assert made.startswith("# By hand\n\n" + MARK)
    assert "old" not in made.partition(MARK)[2].splitlines()[0]
    assert document_text(made) == made


def test_the_schema_knows_every_type_and_takes_variables_for_numbers() -> None:
    schema = json_schema()
    names = {f"{key}-{name}" for key, by_type in installed().items() for name in by_type}
    assert names
    assert names <= set(schema["$defs"])
    assert set(schema["properties"]) == set(Settings.model_fields)
    port = schema["$defs"]["ListenConfig"]["properties"]["port"]
    assert any(one.get("pattern") == r"\$\{" for one in port["anyOf"])
    assert schema["patternProperties"] == {"^x-": {}}
