"""Time windows for routes: times of day, weekdays, days of the month, months, years, in a zone."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from sidekick.section import Section

NS = 1_000_000_000
_MINUTE_NS = 60 * NS
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)

Range = tuple[int, int]
"""First and last, both included (for times of day: minutes, the last not included)."""


class WindowConfig(Section):
    """One interval of a window; a time is inside if every key that is set has a range for it."""

    times: tuple[str, ...] = ()
    """Times of day such as `09:00-17:00`; the end does not belong to it, `24:00` is allowed."""
    weekdays: tuple[str, ...] = ()
    """Days or ranges of them: `monday:friday`, `sunday`."""
    days_of_month: tuple[str, ...] = ()
    """Days or ranges of them, negative ones from the month's end: `1:5`, `-3:-1`."""
    months: tuple[str, ...] = ()
    """Months or ranges of them, by name or number: `january:march`, `12`."""
    years: tuple[str, ...] = ()
    """Years or ranges of them: `2026:2028`."""
    location: str = Field("UTC", min_length=1)
    """Time zone by its IANA name: `Europe/Berlin`."""

    @field_validator("times")
    @classmethod
    def _check_times(cls, values: tuple[str, ...]) -> Any:
        return _checked(values, times_of_day)

    @field_validator("weekdays")
    @classmethod
    def _check_weekdays(cls, values: tuple[str, ...]) -> Any:
        return _checked(values, weekdays)

    @field_validator("days_of_month", mode="before")
    @classmethod
    def _check_days(cls, values: Any) -> Any:
        return _checked(_texts(values), days_of_month)

    @field_validator("months", mode="before")
    @classmethod
    def _check_months(cls, values: Any) -> Any:
        return _checked(_texts(values), months)

    @field_validator("years", mode="before")
    @classmethod
    def _check_years(cls, values: Any) -> Any:
        return _checked(_texts(values), years)

    @field_validator("location")
    @classmethod
    def _check_location(cls, value: str) -> str:
        zone(value)
        return value


def times_of_day(text: str) -> Range:
    """Minutes of "09:00-17:00"; ValueError else."""
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text.strip())
    if not found:
        raise ValueError(f'wanted times such as "09:00-17:00", found "{text}"')
    first, last = (int(h) * 60 + int(m) for h, m in (found.group(1, 2), found.group(3, 4)))
    if max(int(found[2]), int(found[4])) > 59 or last > 24 * 60:
        raise ValueError(f'"{text}" is no time of day')
    if first >= last:
        raise ValueError(f'"{text}" ends before it starts; write two ranges, split at 24:00')
    return first, last


def weekdays(text: str) -> Range:
    """0 is Monday; ValueError else."""
    return _range(text, "weekday", lambda word: _named(word, _WEEKDAYS))


def months(text: str) -> Range:
    """1 is January; ValueError else."""

    def month(word: str) -> int:
        number = int(word) if word.isdecimal() else _named(word, _MONTHS) + 1
        if not 1 <= number <= 12:
            raise ValueError
        return number

    return _range(text, "month", month)


def years(text: str) -> Range:
    """Years as they are; ValueError else."""
    return _range(text, "year", int)


def days_of_month(text: str) -> Range:
    """Days from 1 to 31, or from -31 to -1 counted from the end; ValueError else."""
    first, last = _bounds(text, "day of the month", int)
    if not all(1 <= abs(day) <= 31 for day in (first, last)):
        raise ValueError(f'"{text}": days of the month go from 1 to 31 and from -31 to -1')
    if first < 0 < last:
        raise ValueError(
            f'"{text}": what starts from the end of the month cannot end from its start'
        )
    if first > (last if last > 0 or first < 0 else 32 + last):
        raise ValueError(f'"{text}" ends before it starts')
    return first, last


def zone(name: str) -> tzinfo:
    """The time zone of that IANA name; ValueError if this machine does not know it."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f'no time zone is called "{name}"; an example is "Europe/Berlin"'
        ) from error


class Window:
    """A named window: the times that lie in any of its intervals."""

    def __init__(self, name: str, intervals: Sequence[WindowConfig]) -> None:
        self.name = name
        self._intervals = [_Interval(config) for config in intervals]
        self._minute = -1
        self._inside = False

    def contains(self, now_ns: int) -> bool:
        """Whether that time (ns since the epoch) is inside."""
        minute = now_ns // _MINUTE_NS
        if minute != self._minute:
            self._inside = any(interval.contains(now_ns // NS) for interval in self._intervals)
            self._minute = minute
        return self._inside


class _Interval:
    def __init__(self, config: WindowConfig) -> None:
        self._zone = zone(config.location)
        self._times = [times_of_day(text) for text in config.times]
        self._weekdays = [weekdays(text) for text in config.weekdays]
        self._days = [days_of_month(text) for text in config.days_of_month]
        self._months = [months(text) for text in config.months]
        self._years = [years(text) for text in config.years]

    def contains(self, now_secs: int) -> bool:
        at = datetime.fromtimestamp(now_secs, self._zone)
        minute = at.hour * 60 + at.minute
        return (
            _within(at.year, self._years)
            and _within(at.month, self._months)
            and _within(at.weekday(), self._weekdays)
            and (not self._times or any(a <= minute < b for a, b in self._times))
            and (not self._days or any(_has_day(at, days) for days in self._days))
        )


def _has_day(at: datetime, days: Range) -> bool:
    # By the calendar: adding 24 hours to find a month's last day fails where the clock changes.
    length = monthrange(at.year, at.month)[1]
    first, last = (day if day > 0 else length + day + 1 for day in days)
    return first <= at.day <= last


def _within(value: int, ranges: Sequence[Range]) -> bool:
    return not ranges or any(first <= value <= last for first, last in ranges)


def _range(text: str, what: str, read: Any) -> Range:
    first, last = _bounds(text, what, read)
    if first > last:
        raise ValueError(f'"{text}" ends before it starts; write two ranges')
    return first, last


def _bounds(text: str, what: str, read: Any) -> Range:
    first, _, last = text.strip().lower().partition(":")
    try:
        return read(first.strip()), read((last or first).strip())
    except ValueError:
        raise ValueError(f'wanted a {what} or a range such as "a:b", found "{text}"') from None


def _named(word: str, names: Sequence[str]) -> int:
    if word not in names:
        raise ValueError
    return names.index(word)


def _texts(values: Any) -> Any:
    """YAML reads a lone day, month or year as a number."""
    if not isinstance(values, list | tuple):
        return values
    return tuple(str(value) if type(value) is int else value for value in values)


def _checked(values: Any, parse: Any) -> Any:
    if isinstance(values, tuple):
        for value in values:
            if isinstance(value, str):
                parse(value)
    return values


def open_windows(config: Mapping[str, Sequence[WindowConfig]]) -> dict[str, Window]:
    """The windows by name."""
    return {name: Window(name, intervals) for name, intervals in config.items()}
