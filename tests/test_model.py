from __future__ import annotations

import pytest

from sidekick.model import Priority


def test_priorities_have_the_rank_of_their_severity() -> None:
    names = [
        "Debug",
        "Informational",
        "Notice",
        "Warning",
        "Error",
        "Critical",
        "Alert",
        "Emergency",
    ]
    assert [p.label for p in sorted(Priority)] == names


@pytest.mark.parametrize("priority", Priority)
def test_a_priority_is_found_by_its_name_in_any_case(priority: Priority) -> None:
    for text in (priority.label, priority.label.upper(), priority.label.lower()):
        assert Priority.parse(text) is priority


@pytest.mark.parametrize(
    ("text", "found"),
    [("info", Priority.INFORMATIONAL), ("INFO", Priority.INFORMATIONAL)]
    + [(text, None) for text in ("", "warn", " Error", "crit", "5", "Debug ")],
)
def test_only_falcos_own_names_are_known(text: str, found: Priority | None) -> None:
    assert Priority.parse(text) is found
