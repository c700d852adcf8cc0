"""Windows of time: days, hours, zones and their daylight saving; and the steady clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidekick.pipeline.clock import Clock
from sidekick.pipeline.window import WindowConfig, open_windows

NS = 1_000_000_000


def inside(interval: dict[str, Any], when: str) -> bool:
    at = datetime.fromisoformat(when).replace(tzinfo=UTC)
    window = open_windows({"w": [WindowConfig.model_validate(interval)]})["w"]
    return bool(window.contains(int(at.timestamp()) * NS))


@pytest.mark.parametrize(
    ("interval", "when", "is_inside"),
    [
        ({}, "2026-01-06T00:00", True),
        ({"times": ["09:00-17:00"]}, "2026-01-06T09:00", True),
        ({"times": ["09:00-17:00"]}, "2026-01-06T17:00", False),
        ({"times": ["22:00-24:00", "00:00-06:00"]}, "2026-01-06T23:59", True),
        ({"times": ["22:00-24:00", "00:00-06:00"]}, "2026-01-06T05:59", True),
        ({"weekdays": ["monday:friday"]}, "2026-01-06T12:00", True),
        ({"weekdays": ["monday:friday"]}, "2026-01-10T12:00", False),
        ({"weekdays": ["Sunday"]}, "2026-01-11T12:00", True),
        ({"days_of_month": ["1:5"]}, "2026-01-06T12:00", False),
        ({"days_of_month": ["-1"]}, "2026-02-28T12:00", True),
        ({"days_of_month": ["-1"]}, "2028-02-28T12:00", False),
        ({"days_of_month": [31]}, "2026-01-31T12:00", True),
        ({"months": ["november:december"]}, "2026-12-01T12:00", True),
        ({"months": [12], "weekdays": ["tuesday"]}, "2026-12-02T12:00", False),
        ({"years": ["2027:2030"]}, "2026-01-06T12:00", False),
        ({"times": ["09:00-10:00"], "location": "Europe/Berlin"}, "2026-01-06T08:30", True),
        ({"times": ["09:00-10:00"], "location": "Europe/Berlin"}, "2026-07-06T08:30", False),
        ({"times": ["09:00-10:00"], "location": "Europe/Berlin"}, "2026-07-06T07:30", True),
        ({"weekdays": ["wednesday"], "location": "Asia/Tokyo"}, "2026-01-06T16:00", True),
        # The hour that the clocks leave out, and the one they show twice.
        ({"times": ["02:00-03:00"], "location": "Europe/Berlin"}, "2026-03-29T01:30", False),
        ({"times": ["02:00-03:00"], "location": "Europe/Berlin"}, "2026-10-25T00:30", True),
        ({"times": ["02:00-03:00"], "location": "Europe/Berlin"}, "2026-10-25T01:30", True),
    ],
)
def test_a_time_is_inside_when_every_key_has_a_range_for_it(
    interval: dict[str, Any], when: str, is_inside: bool
) -> None:
    assert inside(interval, when) == is_inside


@pytest.mark.parametrize(
    ("interval", "reason"),
    [
        ({"times": ["9-17"]}, "09:00-17:00"),
        ({"times": ["22:00-06:00"]}, "split at 24:00"),
        ({"times": ["25:00-26:00"]}, "no time of day"),
        ({"weekdays": ["mon"]}, "weekday"),
        ({"days_of_month": ["0"]}, "day"),
        ({"months": ["13"]}, "month"),
        ({"location": "Europe/Atlantis"}, "Atlantis"),
    ],
)
def test_what_is_no_time_is_refused(interval: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        WindowConfig.model_validate(interval)


@given(st.lists(st.integers(-4000, 4000), max_size=40))
def test_steady_time_never_runs_backwards_and_peeking_changes_nothing(steps: list[int]) -> None:
    clock, wall, before = Clock(), 10**6 * NS, 0
    for step in steps:
        wall += step * NS
        seen = clock.peek(wall)
        assert clock.peek(wall) == seen
        assert clock.tick(wall) == seen
        assert seen >= before
        before = seen


def test_a_step_back_of_an_hour_stops_nothing() -> None:
    clock = Clock()
    began = clock.tick(10**6 * NS)
    stepped = clock.tick((10**6 - 3600) * NS)
    assert stepped == began
    assert clock.tick((10**6 - 3600 + 60) * NS) == began + 60 * NS
