"""Times as RFC 3339 writes them, exact to the nanosecond, as strictly as Go reads them."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

_SECOND = re.compile(r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)", re.ASCII)
_REST = re.compile(r"(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII)
_NINE = re.compile(r"\d{9}", re.ASCII).fullmatch
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_INT64 = 2**63


def nanoseconds(text: str) -> int:
    """Ns since the epoch of "2026-01-02T10:20:30.123456789Z"; ValueError for any other form.

    What lies outside the years 1678 to 2262 becomes the first or last ns that a signed 64-bit
    number holds, because that is what databases can keep.
    """
    fraction = text[20:-1]
    if len(text) == 30 and text[19] == "." and text[-1] == "Z" and _NINE(fraction):
        return _bounded(_seconds(text[:19]) * 1_000_000_000 + int(fraction))
    return _bounded(_any_form(text))


def _any_form(text: str) -> int:
    rest = _REST.fullmatch(text, 19)
    if rest is None:
        raise ValueError(f"{text[:64]!r} is no RFC 3339 time")
    fraction, sign, hours, minutes = rest.groups()
    offset = int(hours) * 3600 + int(minutes) * 60 if sign else 0
    seconds = _seconds(text[:19]) - (-offset if sign == "-" else offset)
    return seconds * 1_000_000_000 + int((fraction or "0")[:9].ljust(9, "0"))


@lru_cache(maxsize=64)
def _seconds(text: str) -> int:
    """Seconds since the epoch of "2026-01-02T10:20:30"; alerts of one second share the work."""
    match = _SECOND.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no RFC 3339 time")
    year, month, day, hour, minute, second = map(int, match.groups())
    days = date(year, month, day).toordinal() - _EPOCH_DAY
    return days * 86400 + hour * 3600 + minute * 60 + second


def _bounded(time_ns: int) -> int:
    return min(max(time_ns, -_INT64), _INT64 - 1)


def as_go(text: str) -> str:
    """The time as Go writes RFC 3339: nine digits at most, no zeros at their end, UTC as Z."""
    second, fraction, zone = _split(text)
    return f"{second}{fraction}{zone}"


def spelled(text: str) -> str:
    """The time as Go prints it: "2026-01-02 10:20:30.5 +0000 UTC"."""
    second, fraction, zone = _split(text)
    offset = zone.replace(":", "")
    where = "+0000 UTC" if zone == "Z" else f"{offset} {offset}"
    return f"{second.replace('T', ' ')}{fraction} {where}"


def _split(text: str) -> tuple[str, str, str]:
    """The second, the fraction with its point, the zone of a time that ``nanoseconds`` takes."""
    second, rest = text[:19], text[19:]
    digits = rest.lstrip(".0123456789")
    fraction = rest[: len(rest) - len(digits)][:10].rstrip("0")
    zone = "Z" if digits in ("+00:00", "-00:00") else digits
    return second, "" if fraction == "." else fraction, zone
