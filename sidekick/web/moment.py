"""Points in time as people write them: "1h", "2d", "now" or an RFC 3339 time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sidekick.section import parse_duration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63
_WANTED = 'wanted a duration such as "1h" or "2d", or a time such as "2026-01-31T12:00:00Z"'


def parse_moment(text: str, now_ns: int, *, ahead: bool = False) -> int:
    """Ns since the epoch; a duration counts back from now, or forward with ``ahead``.

    What a signed 64-bit number does not hold becomes the first or last that it holds. Raises
    ``ValueError`` with a sentence for anything else, also for a time without a zone.
    """
    return min(max(_moment(text.strip(), now_ns, ahead), -_INT64), _INT64 - 1)


def _moment(text: str, now_ns: int, ahead: bool) -> int:
    if text == "now":
        return now_ns
    if (length := _duration_ns(text)) is not None:
        return now_ns + length if ahead else now_ns - length
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'{_WANTED}; found "{text[:60]}"') from None
    if moment.tzinfo is None:
        raise ValueError(f'the time "{text}" has no zone: add Z for UTC, or one such as +02:00')
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _duration_ns(text: str) -> int | None:
    try:
        return int(parse_duration(text) * 1e9)
    except ValueError:
        return None


def print_moment(time_ns: int) -> str:
    """The RFC 3339 text in UTC with milliseconds; "" for 0."""
    if not time_ns:
        return ""
    moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_span(since: str, until: str, now_ns: int) -> tuple[int, int]:
    """Two times and what lies between them; raises ``ValueError`` that names the faulty one."""
    found = {}
    for name, text in (("since", since), ("until", until)):
        try:
            found[name] = parse_moment(text, now_ns)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if found["since"] > found["until"]:
        raise ValueError(f'since: wanted a time before until, found "{since}" and "{until}"')
    return found["since"], found["until"]
