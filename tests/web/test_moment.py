from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.web.moment import parse_moment, parse_span, print_moment

NOW = 1_780_000_000 * 10**9
HOUR = 3600 * 10**9


@pytest.mark.parametrize(
    ("text", "secs"),
    [
        ("now", 0),
        ("1h", -3600),
        ("1h30m", -5400),
        ("250ms", -0.25),
        (" 2d ", -172_800),
        ("2026-05-28T20:26:40Z", 0),
        ("2026-05-28T22:26:40+02:00", 0),
        ("2026-05-28 20:26:41.5Z", 1.5),
        ("2026-05-28T20:26:40.123456789Z", 0.123456),
    ],
)
def test_people_write_times_so(text: str, secs: float) -> None:
    assert parse_moment(text, NOW) == NOW + round(secs * 10**9)


def test_a_duration_may_count_forward() -> None:
    assert parse_moment("2h", NOW, ahead=True) == NOW + 7200 * 10**9


@pytest.mark.parametrize(
    "text", ["", "yesterday", "12x", "-1h", "1y", "2026-13-01T00:00:00Z", "\x1b"]
)
def test_anything_else_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match='wanted a duration such as "1h"'):
        parse_moment(text, NOW)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone: add Z"):
        parse_moment("2026-05-28T20:26:40", NOW)


@given(st.integers(min_value=1, max_value=4_000_000_000_000))
def test_a_printed_time_reads_back(time_ms: int) -> None:
    assert parse_moment(print_moment(time_ms * 10**6), NOW) == time_ms * 10**6


def test_no_time_prints_as_nothing() -> None:
    assert print_moment(0) == ""


@given(st.text(max_size=40))
def test_no_text_makes_it_stumble(text: str) -> None:
    try:
        parse_moment(text, NOW)
    except ValueError as error:
        assert "wanted" in str(error) or "zone" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        ("x", "now", "since: wanted a duration"),
        ("1h", "y", "until: wanted a duration"),
        ("1h", "2h", 'since: wanted a time before until, found "1h" and "2h"'),
    ],
)
def test_a_span_that_is_none_is_told(since: str, until: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_span(since, until, NOW)


def test_a_span_has_two_ends() -> None:
    assert parse_span("2h", "1h", NOW) == (NOW - 2 * HOUR, NOW - HOUR)
    assert parse_span("now", "now", NOW) == (NOW, NOW)


@pytest.mark.parametrize("text", ["99999999999d", "0001-01-01T00:00:00Z"])
def test_a_time_that_no_log_can_keep_is_the_first_that_it_can(text: str) -> None:
    assert parse_moment(text, NOW) == -(2**63)
    assert parse_moment("99999999999d", NOW, ahead=True) == 2**63 - 1
