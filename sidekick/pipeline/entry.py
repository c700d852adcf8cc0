"""One window of dedup: what it has seen, what was told of it, and its digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import msgspec

from sidekick.model import Alert, Priority
from sidekick.pipeline.dedup_config import NS, Policy
from sidekick.pipeline.fingerprint import Key

_RECENT = 8


class Sample(msgspec.Struct, frozen=True, gc=False):
    """The last alert that was held back, without its decoded fields."""

    rule: str
    priority: Priority
    source: str
    time: str
    time_ns: int
    fields_json: bytes
    output: str
    hostname: str
    tags: tuple[str, ...]


class Entry(msgspec.Struct, gc=False):
    """An open window. ``*_at`` are steady ns (see ``clock``), ``*_ns`` ns since the epoch.

    ``held`` alerts since ``held_since_ns`` were not told yet; ``again`` of them came to the letter
    before. ``band`` and ``lanes`` are the highest and all of what was told.
    """

    key: Key
    fingerprint: str
    policy: Policy
    opened_at: int
    last_at: int
    first_ns: int
    last_ns: int
    count: int = 0
    told_at: int = -1
    reminders: int = 0
    band: int = -1
    held: int = 0
    again: int = 0
    held_since_ns: int = 0
    held_last_ns: int = 0
    lanes: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    values: dict[str, list[str]] = {}
    recent: list[int] = []
    sample: Sample | None = None

    @property
    def ends_at(self) -> int:
        return min(self.last_at + self.policy.window_ns, self.opened_at + self.policy.max_window_ns)


class Closed(msgspec.Struct, gc=False):
    """A window that ended with repeats held back; its digest has still to be told."""

    number: int
    entry: Entry
    early: bool = False


class Sighting(msgspec.Struct, gc=False):
    """One alert as dedup sees it: ``kind`` as in ``Assessment``, with the reason.

    ``earlier`` is what its window had counted before. ``again``: the very same alert came before.
    ``paced``: it is told because its time has come.
    ``values`` are the listed fields with values that were not told in this window.
    """

    kind: str
    why: str
    entry: Entry | None
    fingerprint: str
    again: bool = False
    paced: bool = False
    earlier: int = 0
    values: tuple[tuple[str, str], ...] = ()


def came_before(entry: Entry, alert: Alert) -> bool:
    """Is it the very same alert, sent again? Falco does so after a time-out."""
    mark = (alert.time_ns ^ crc32(alert.fields_json) << 24) & 0x7FFF_FFFF_FFFF_FFFF
    recent = entry.recent
    if mark in recent:
        return True
    recent.append(mark)
    if len(recent) > _RECENT:
        del recent[0]
    return False


def judge(sighting: Sighting, entry: Entry, count: int, now_at: int) -> None:
    """Is the repeat, which stands for ``count``, told all the same, and why?"""
    policy = entry.policy
    if entry.told_at < 0:
        sighting.kind = "first"
        sighting.why = "no window is open for this fingerprint"
        if sighting.earlier:
            sighting.why = "nothing of this window was told yet"
    elif sighting.again:
        sighting.why = "the very same alert came before: it was sent again"
    elif sighting.values:
        sighting.kind = "reminder"
        sighting.why = f"{sighting.values[0][0]} has a value that is new in this window"
    elif policy.every_ns and now_at - entry.told_at >= policy.wait_ns(entry.reminders):
        sighting.kind, sighting.paced = "reminder", True
        sighting.why = "the time for a reminder has come"
    elif policy.count and entry.held + count >= policy.wait_count(entry.reminders):
        sighting.kind, sighting.paced = "reminder", True
        sighting.why = "the number of repeats for a reminder is reached"


def hold(entry: Entry, alert: Alert, wall_ns: int, again: bool) -> None:
    """Count an alert that is not told."""
    if entry.held == 0:
        entry.held_since_ns = wall_ns
    entry.held += alert.count
    entry.again += alert.count if again else 0
    entry.held_last_ns = wall_ns
    entry.sample = Sample(
        alert.rule,
        alert.priority,
        alert.source,
        alert.time,
        alert.time_ns,
        alert.fields_json,
        alert.output,
        alert.hostname,
        alert.tags,
    )


def tell(
    sighting: Sighting,
    entry: Entry,
    now_at: int,
    band: int,
    lanes: Sequence[str],
    routes: tuple[str, ...],
) -> None:
    """Note that an alert was told: it accounts for what was held back."""
    entry.told_at = now_at
    entry.reminders += sighting.paced
    for name, value in sighting.values:
        entry.values.setdefault(name, []).append(value)
    entry.band = max(entry.band, band)
    entry.held = entry.again = 0
    entry.sample = None
    if entry.lanes != lanes:
        entry.lanes = tuple(dict.fromkeys((*entry.lanes, *lanes)))
    entry.routes = routes


def held_text(entry: Entry) -> str:
    """How many repeats were held back, and between when, as words; "" for none."""
    if not entry.held:
        return ""
    times = f"between {_clock(entry.held_since_ns)} and {_clock(entry.held_last_ns)}"
    if entry.held_since_ns == entry.held_last_ns:
        times = f"at {_clock(entry.held_last_ns)}"
    again = f", {entry.again} of them sent again to the letter" if entry.again else ""
    return f"{entry.held} more {times}{again}"


def _clock(wall_ns: int) -> str:
    when = datetime.fromtimestamp(wall_ns // NS, UTC)
    return when.strftime("%Y-%m-%d %H:%M:%SZ")


def digest_alert(entry: Entry) -> Alert:
    """The last alert that was held back, its output beginning with what the window counted."""
    sample = entry.sample
    assert sample is not None, "only a window that holds repeats is closed with a digest"
    total = f"{entry.count} since {_clock(entry.first_ns)}"
    return Alert(
        rule=sample.rule,
        priority=sample.priority,
        source=sample.source,
        time=sample.time,
        time_ns=sample.time_ns,
        fields=_fields(sample.fields_json),
        fields_json=sample.fields_json,
        output=f"{held_text(entry)} ({total}): {sample.output}",
        hostname=sample.hostname,
        tags=sample.tags,
    )


def _fields(text: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:  # a number that only the source's own decoder takes
        return {}
