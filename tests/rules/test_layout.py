"""Conditions over several lines read back as they were."""

from __future__ import annotations

import pytest

from sidekick.rules.layout import layout
from sidekick.rules.parser import parse
from sidekick.rules.printer import canonical

LONG = " and ".join(f"proc.name != name{n}" for n in range(12))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("proc.name = a", ["proc.name = a"]),
        ("proc.name = a and not m", ["(proc.name = a and not m)"]),
        (f"m or ({LONG})", ["(", "  m", "  or (", "    proc.name != name0"]),
        (f"not ({LONG})", ["not (", "  proc.name != name0"]),
        (f"not not ({LONG})", ["(", "  proc.name != name0"]),
        ("proc.name in (" + ", ".join(f"name{n}" for n in range(30)) + ")", ["proc.name in ("]),
    ],
)
def test_what_does_not_fit_is_broken_and_indented(text: str, wanted: list[str]) -> None:
    found = layout(parse(text))
    assert found[: len(wanted)] == wanted
    assert all(len(line) <= 110 for line in found)
    assert canonical(parse(" ".join(found))) == canonical(parse(text))
