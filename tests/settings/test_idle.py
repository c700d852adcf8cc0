from __future__ import annotations

import pytest

from sidekick.settings.idle import idle
from tests.settings.conftest import Loader

SINKS = "sinks:\n  a: {type: notes}\n  b: {type: notes}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("route: {}\n", []),
        ("route: {lanes: [a, b]}\n", []),
        ("route: {lanes: [a], routes: [{match: proc.name = x, lanes: [b]}]}\n", []),
        ("route: {routes: [{match: proc.name = x, lanes: [b]}]}\n", []),
        ("route: {lanes: [a]}\n", ["sinks.b"]),
        ("route: {lanes: [], routes: [{match: proc.name = x, lanes: [b]}]}\n", ["sinks.a"]),
        ("windows: {night: [{times: ['22:00-24:00']}]}\n", ["windows.night"]),
        (
            "windows: {night: [{times: ['22:00-24:00']}]}\n"
            "route: {routes: [{match: proc.name = x, mute: [night]}]}\n",
            [],
        ),
    ],
)
def test_what_nothing_uses_is_found(loads: Loader, text: str, found: list[str]) -> None:
    settings = loads(SINKS + text)
    assert [".".join(map(str, path)) for path, _ in idle(settings)] == found


def test_it_is_a_warning_with_its_place(loads: Loader) -> None:
    settings = loads(SINKS + "route: {lanes: [a]}\n")
    (warning,) = settings.warnings
    assert warning.endswith("sidekick.yaml:3:6: sinks.b: no route delivers to it")


def test_without_a_file_there_is_no_warning(loads: Loader) -> None:
    assert loads("").warnings == ()
