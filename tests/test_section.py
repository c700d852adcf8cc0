from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.section import Duration, Secret, Section, Size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("10s", 10),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("7d", 604800),
        ("2w", 1209600),
        (" 5m ", 300),
        (0, 0),
        (2.5, 2.5),
    ],
)
def test_durations_are_seconds(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5s", "5 s", "5S", "1h-30m", -1, True, None, float("inf"), float("nan")]
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="wanted a duration such as"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MiB", 64 * 1024**2),
        ("10MB", 10_000_000),
        ("1Gi", 1024**3),
        ("1.5k", 1500),
        ("5 b", 5),
        ("7", 7),
        (7, 7),
    ],
)
def test_sizes_are_bytes(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "5 mibs", "1 0", True, None, [1]])
def test_what_is_no_size_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="wanted a size such as"):
        parse_size(text)


class Example(Section):
    """A section."""

    wait: Duration = 1.0
    """How long."""
    room: Size = 10
    """How much."""
    token: Secret | None = None
    """What opens it."""


def test_a_section_refuses_unknown_keys_and_changes() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Example.model_validate({"wiat": "1s"})
    with pytest.raises(ValidationError, match="frozen"):
        Example().wait = 2.0  # type: ignore[misc]


def test_a_section_prints_no_secret() -> None:
    section = Example.model_validate({"token": "hunter2"})
    assert "hunter2" not in repr(section) + section.model_dump_json()
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"token": ["hunter2"]})
    assert "hunter2" not in str(caught.value)


def test_the_schema_takes_what_people_write() -> None:
    properties = Example.model_json_schema()["properties"]
    assert properties["wait"]["x-kind"] == "duration"
    assert [one["type"] for one in properties["room"]["anyOf"]] == ["number", "string"]
