"""Texts of times, in a zone that is no whole number of hours from UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sidekick.rules import times

NOON = 1_700_000_000_000_000_009


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """India: half past five."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


def test_local_times_have_the_zone_of_the_machine() -> None:
    assert times.clock(NOON) == "03:43:20.000000009"
    assert times.clock_seconds(NOON) == "03:43:20"
    assert times.local(NOON) == "2023-11-15 03:43:20.000000009"
    assert times.local_seconds(NOON) == "2023-11-15 03:43:20"


def test_the_others_are_in_utc() -> None:
    assert times.iso8601(NOON) == "2023-11-14T22:13:20.000000009+0000"
    assert times.rfc3339(NOON) == "2023-11-14T22:13:20.000000009Z"
    assert times.rfc3339(0) == "1970-01-01T00:00:00.000000000Z"
