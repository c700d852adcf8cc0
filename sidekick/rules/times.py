"""The texts of a time that Falco prints; all of them exact to the nanosecond they are given."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_SECOND = 1_000_000_000


def clock(time_ns: int) -> str:
    """The local time of day, as ``%evt.time`` prints it: "13:53:31.726060287"."""
    seconds, fraction = divmod(time_ns, _SECOND)
    at = datetime.fromtimestamp(seconds)  # strftime would take three times as long
    return f"{at.hour:02}:{at.minute:02}:{at.second:02}.{fraction:09}"


def clock_seconds(time_ns: int) -> str:
    """The local time of day without its fraction."""
    return f"{_local(time_ns):%H:%M:%S}"


def local(time_ns: int) -> str:
    """Date and local time: "2026-01-02 13:53:31.726060287"."""
    return f"{_local(time_ns):%Y-%m-%d %H:%M:%S}.{time_ns % _SECOND:09}"


def local_seconds(time_ns: int) -> str:
    """Date and local time without its fraction."""
    return f"{_local(time_ns):%Y-%m-%d %H:%M:%S}"


def iso8601(time_ns: int) -> str:
    """Date and time in UTC, as ``%evt.time.iso8601``: "2026-01-02T13:53:31.726060287+0000"."""
    return f"{_utc(time_ns)}+0000"


def rfc3339(time_ns: int) -> str:
    """Date and time in UTC, as the ``time`` of an alert: "2026-01-02T13:53:31.726060287Z"."""
    return f"{_utc(time_ns)}Z"


def _utc(time_ns: int) -> str:
    seconds, fraction = divmod(time_ns, _SECOND)
    return f"{_utc_second(seconds)}.{fraction:09}"


@lru_cache(64)
def _utc_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def _local(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // _SECOND)
