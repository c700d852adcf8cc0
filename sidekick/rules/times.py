"""The texts of a time that Falco prints; all of them exact to the nanosecond they are given."""

from __future__ import annotations

from datetime import UTC, datetime

_SECOND = 1_000_000_000


def clock(time_ns: int) -> str:
    """The local time of day, as ``%evt.time`` prints it: "13:53:31.726060287"."""
    return f"{_local(time_ns):%H:%M:%S}.{time_ns % _SECOND:09}"


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
    moment = datetime.fromtimestamp(time_ns // _SECOND, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % _SECOND:09}"


def _local(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // _SECOND)
