"""Times: exact to the nanosecond, as strict as Go."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rfc3339 import as_go, nanoseconds, spelled

ACCEPTED = [
    ("1970-01-01T00:00:00Z", 0),
    ("1970-01-01T00:00:00.000000001Z", 1),
    ("1970-01-01T00:00:00.5Z", 500_000_000),
    ("1970-01-01T01:00:00+01:00", 0),
    ("1969-12-31T19:30:00.25-04:30", 250_000_000),
    ("2026-01-02T10:20:30.123456789Z", 1_767_349_230_123_456_789),
    ("2026-01-02T10:20:30.1234567899999Z", 1_767_349_230_123_456_789),
    ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
    ("9999-12-31T23:59:59Z", 2**63 - 1),
    ("0001-01-01T00:00:00Z", -(2**63)),
]
REFUSED = [
    "",
    "yesterday",
    "2026-01-02",
    "2026-01-02T10:20:30",
    "2026-01-02 10:20:30Z",
    "2026-01-02t10:20:30Z",
    "2026-01-02T10:20:30z",
    "2026-01-02T10:20:30,5Z",
    "2026-01-02T10:20:30.Z",
    "2026-01-02T10:20:60Z",
    "2026-01-02T24:00:00Z",
    "2026-02-30T10:20:30Z",
    "2026-01-02T10:20:30+24:00",
    "2026-01-02T10:20:30+0100",
    "2026-01-02T10:20:30Z ",
    "2026-1-2T10:20:30Z",
    "0000-01-01T00:00:00Z",
    "2026-01-02T10:20:30.12345678²Z",
    "2026-01-02T10:20:3٣.123456789Z",
]


@pytest.mark.parametrize(("text", "time_ns"), ACCEPTED)
def test_a_time_is_read_to_the_nanosecond(text: str, time_ns: int) -> None:
    assert nanoseconds(text) == time_ns


@pytest.mark.parametrize("text", REFUSED)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|month|day|year|range"):
        nanoseconds(text)


@given(
    moment=st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
    minutes=st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_it_agrees_with_datetime_at_every_offset(moment: datetime, minutes: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    wanted = (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    assert nanoseconds(local.isoformat()) == wanted


@pytest.mark.parametrize(
    ("text", "written", "printed"),
    [
        ("2026-01-02T10:20:30Z", "2026-01-02T10:20:30Z", "2026-01-02 10:20:30 +0000 UTC"),
        ("2026-01-02T10:20:30.5000Z", "2026-01-02T10:20:30.5Z", "2026-01-02 10:20:30.5 +0000 UTC"),
        ("2026-01-02T10:20:30.0-00:00", "2026-01-02T10:20:30Z", "2026-01-02 10:20:30 +0000 UTC"),
        (
            "2026-01-02T10:20:30.1234567899-04:30",
            "2026-01-02T10:20:30.123456789-04:30",
            "2026-01-02 10:20:30.123456789 -0430 -0430",
        ),
    ],
)
def test_a_time_is_written_and_printed_as_by_go(text: str, written: str, printed: str) -> None:
    assert as_go(text) == written
    assert spelled(written) == printed
