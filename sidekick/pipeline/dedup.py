"""Is it a repeat, and is the repeat told again? Windows, reminders and closing digests.

A window opens with an alert whose fingerprint has none. Later alerts with that fingerprint are
repeats: they are counted, and told only as reminders. The window ends ``window`` after its last
alert, at the latest ``max_window`` after its first; if repeats were held back since it was last
told of, a digest says how many and between when. The next alert opens a new window.

A silenced alert is not told and not counted as held back (it is in the log with the silence's
name); the first alert of the window that no silence holds is told as ``first``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import msgspec
from pydantic import Field, model_validator

from sidekick.model import Alert, Priority
from sidekick.pipeline.conditions import Condition, Conditions
from sidekick.pipeline.fingerprint import Key, fingerprint, text_of
from sidekick.pipeline.state import Journal, readable
from sidekick.pipeline.view import AlertView
from sidekick.section import Duration, Section

_RECENT = 8
NS = 1_000_000_000


class RemindConfig(Section):
    """When a repeat is told again, as a reminder."""

    every: Duration = 600.0
    """How long after the last telling a repeat is told again; 0: never because of time."""
    count: int = Field(0, ge=0)
    """How many repeats are held back before one is told again; 0: never because of number."""
    growth: float = Field(2.0, ge=1.0, le=100.0)
    """Each reminder multiplies both waits by this; 1 keeps them the same."""
    longest: Duration = 4 * 3600.0
    """`every` does not grow beyond this."""


class DedupRule(Section):
    """Other windows for the alerts that match."""

    match: str
    """Condition; the first entry that matches the alert that opens a window counts."""
    window: Duration | None = None
    """As `dedup.window`."""
    max_window: Duration | None = None
    """As `dedup.max_window`."""
    remind: RemindConfig | None = None
    """As `dedup.remind`."""


class DedupConfig(Section):
    """Which repeats are held back, and when they are told of."""

    enabled: bool = True
    """Off: every alert is told, none is counted and no state is kept."""
    window: Duration = 1800.0
    """A window ends this long after its last alert."""
    max_window: Duration = 24 * 3600.0
    """A window ends this long after its first alert, however many repeats still come."""
    remind: RemindConfig = RemindConfig()
    """When a repeat is told again within its window."""
    never: tuple[str, ...] = ()
    """Conditions; an alert that matches one is always told and opens no window."""
    new_values: tuple[str, ...] = ("user.name",)
    """Output fields; a repeat with a value that its window has not seen is told at once."""
    new_values_limit: int = Field(16, ge=0, le=1000)
    """Values remembered by window and field; when they are all used, new ones are held back."""
    rising_band: bool = True
    """A repeat whose score is in a higher band than what was told is told at once."""
    rules: tuple[DedupRule, ...] = ()
    """Other windows and reminders for some alerts."""
    limit: int = Field(10_000, ge=1, le=10_000_000)
    """Windows open at once at most; the one nearest its end closes early, with its digest."""

    @model_validator(mode="after")
    def _positive(self) -> DedupConfig:
        windows = [self.window, self.max_window]
        windows += [
            w for rule in self.rules for w in (rule.window, rule.max_window) if w is not None
        ]
        if min(windows) <= 0:
            raise ValueError("a window must be longer than 0; `enabled: false` switches off")
        return self


class Policy(msgspec.Struct, frozen=True, gc=False):
    """The windows and reminders of one entry, in ns."""

    window_ns: int
    max_window_ns: int
    every_ns: int
    longest_ns: int
    count: int
    growth: float

    def wait_ns(self, reminders: int) -> int:
        """How long after the last of that many reminders the next one may be told."""
        grown = self.every_ns * self.growth ** min(reminders, 64)
        return int(max(self.every_ns, min(grown, self.longest_ns)))

    def wait_count(self, reminders: int) -> int:
        """How many repeats are held back after the last of that many reminders."""
        return int(min(self.count * self.growth ** min(reminders, 64), 2**62))


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


_encode = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
_decode_closed = msgspec.msgpack.Decoder(Closed).decode


class Sighting(msgspec.Struct, gc=False):
    """One alert as dedup sees it: ``kind`` as in ``Assessment``, with the reason.

    ``again``: the very same alert came before. ``paced``: it is told because its time has come.
    ``values`` are the listed fields with values that were not told in this window.
    """

    kind: str
    why: str
    entry: Entry | None
    fingerprint: str
    again: bool = False
    paced: bool = False
    values: tuple[tuple[str, str], ...] = ()


class Dedup:
    """The open windows. ``evicted`` counts those that ``limit`` closed early."""

    def __init__(self, config: DedupConfig, conditions: Conditions) -> None:
        self.config = config
        self.evicted = 0
        self.entries: dict[Key, Entry] = {}
        self.closed: list[Closed] = []
        self._number = 0
        self._turn = 0
        self._ends: list[tuple[int, str, int, Entry]] = []
        self.journal: Journal[Entry | Closed] = Journal(_encode)
        self._policy = _policy(config, None)
        self._never = [
            conditions.compile(f"dedup.never.{n}", text, scored=False)
            for n, text in enumerate(config.never)
        ]
        self._rules: list[tuple[Condition, Policy]] = [
            (
                conditions.compile(f"dedup.rules.{n}.match", rule.match, scored=False),
                _policy(config, rule),
            )
            for n, rule in enumerate(config.rules)
        ]
        self._fingerprints: dict[Key, str] = {}

    def see(self, key: Key, alert: Alert, now_at: int, wall_ns: int) -> Sighting:
        """Count the alert in its window, or open one for it."""
        if self._always(alert):
            return self._told_always(key)
        entry = self.entries.get(key)
        if entry is not None and entry.ends_at <= now_at:
            self._close(entry)
            entry = None
        if entry is None:
            if len(self.entries) >= self.config.limit:
                self._evict()
            entry = self._open(key, alert, now_at, wall_ns)
            self.entries[key] = entry
            self._push(entry)
        self.journal.dirty[entry.fingerprint] = entry
        return self._look(entry, alert, now_at, wall_ns)

    def peek(self, key: Key, alert: Alert, now_at: int, wall_ns: int) -> Sighting:
        """What ``see`` would say; only a copy is changed."""
        if self._always(alert):
            return self._told_always(key)
        entry = self.entries.get(key)
        if entry is None or entry.ends_at <= now_at:
            entry = self._open(key, alert, now_at, wall_ns)
        copy = msgspec.structs.replace(
            entry,
            values={name: list(seen) for name, seen in entry.values.items()},
            recent=list(entry.recent),
        )
        return self._look(copy, alert, now_at, wall_ns)

    def rise(self, sighting: Sighting, band: int) -> None:
        """Tell a repeat after all if its score is in a higher band than any that was told."""
        entry = sighting.entry
        if entry is None or sighting.kind != "repeat" or sighting.again:
            return
        if self.config.rising_band and band > entry.band:
            sighting.kind = "reminder"
            sighting.why = "its score is in a higher band than what was told in this window"

    def settle(
        self,
        sighting: Sighting,
        alert: Alert,
        now_at: int,
        wall_ns: int,
        *,
        band: int,
        lanes: Sequence[str],
        digest_lanes: Sequence[str],
        routes: tuple[str, ...],
        silenced: bool,
    ) -> str:
        """Note whether the alert was told or held back; returns its final kind."""
        entry = sighting.entry
        if entry is None:
            return sighting.kind
        if sighting.kind == "repeat":
            if not silenced:
                _hold(entry, alert, wall_ns, sighting.again)
            return "repeat"
        if silenced or not lanes:
            return "repeat" if entry.count > 1 else sighting.kind
        _tell(sighting, entry, now_at, band, digest_lanes, routes)
        return sighting.kind

    def due(self, now_at: int) -> list[Closed]:
        """Close the windows that have ended; those with a digest to tell, each once."""
        ends = self._ends
        while ends and ends[0][0] <= now_at:
            entry = heapq.heappop(ends)[3]
            if self.entries.get(entry.key) is not entry:
                continue
            if entry.ends_at <= now_at:
                self._close(entry)
            else:
                self._push(entry)
        closed, self.closed = self.closed, []
        closed.sort(key=lambda each: (each.entry.ends_at, each.entry.fingerprint))
        for each in closed:
            self.journal.gone(_number_key(each.number))
        return closed

    def next_at(self) -> int | None:
        """When ``due`` has something to do at the earliest, in steady ns; None: nothing is open."""
        if self.closed:
            return 0
        return self._ends[0][0] if self._ends else None

    def text(self, key: Key) -> str:
        """The fingerprint of a key, remembered for the keys that come often."""
        text = self._fingerprints.get(key)
        if text is None:
            if len(self._fingerprints) >= 4096:
                self._fingerprints.clear()
            text = self._fingerprints[key] = fingerprint(key)
        return text

    def snapshot(self) -> list[tuple[str, bytes]]:
        """The open windows by fingerprint, the digests that are not told yet by number."""
        items = [(entry.fingerprint, _encode(entry)) for entry in self.entries.values()]
        return items + [(_number_key(each.number), _encode(each)) for each in self.closed]

    def restore(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Take back a snapshot, or all that ``journal`` wrote; what cannot be read is left out."""
        items = list(items)
        open_ones = (item for item in items if not item[0].startswith(_NUMBER))
        for name, entry in readable(open_ones, _decode_entry):
            self.journal.restored(name)
            self.entries[entry.key] = entry
            self._push(entry)
        closed_ones = (item for item in items if item[0].startswith(_NUMBER))
        for name, closed in readable(closed_ones, _decode_closed):
            self.journal.restored(name)
            self._number = max(self._number, closed.number)
            self.closed.append(closed)

    def _look(self, entry: Entry, alert: Alert, now_at: int, wall_ns: int) -> Sighting:
        entry.count += 1
        entry.last_at = now_at
        entry.last_ns = wall_ns
        sighting = Sighting("repeat", _OPEN, entry, entry.fingerprint)
        if _came_before(entry, alert):
            sighting.again = True
        else:
            sighting.values = self._new_values(entry, alert)
        _judge(sighting, entry, now_at)
        return sighting

    def _open(self, key: Key, alert: Alert, now_at: int, wall_ns: int) -> Entry:
        policy = self._policy
        if self._rules:
            view = AlertView(alert)
            policy = next((own for match, own in self._rules if match(view)), policy)
        return Entry(key, fingerprint(key), policy, now_at, now_at, wall_ns, wall_ns)

    def _always(self, alert: Alert) -> bool:
        if not self._never:
            return False
        view = AlertView(alert)
        return any(match(view) for match in self._never)

    def _told_always(self, key: Key) -> Sighting:
        return Sighting("first", "dedup.never has a condition that matches", None, self.text(key))

    def _new_values(self, entry: Entry, alert: Alert) -> tuple[tuple[str, str], ...]:
        found: tuple[tuple[str, str], ...] = ()
        for name in self.config.new_values:
            value = alert.fields.get(name)
            if value is None:
                continue
            text = value if type(value) is str and len(value) < 100 else text_of(value)
            seen = entry.values.get(name, ())
            if text and text not in seen and len(seen) < self.config.new_values_limit:
                found = (*found, (name, text))
        return found

    def _push(self, entry: Entry) -> None:
        self._turn += 1
        heapq.heappush(self._ends, (entry.ends_at, entry.fingerprint, self._turn, entry))

    def _evict(self) -> None:
        """Close the window nearest its end."""
        while self._ends:
            at, _, _, entry = heapq.heappop(self._ends)
            if self.entries.get(entry.key) is not entry:
                continue
            if entry.ends_at > at:
                self._push(entry)
                continue
            self.evicted += 1
            self._close(entry, early=True)
            return

    def _close(self, entry: Entry, early: bool = False) -> None:
        del self.entries[entry.key]
        self.journal.gone(entry.fingerprint)
        if entry.held:
            self._number += 1
            closed = Closed(self._number, entry, early)
            self.closed.append(closed)
            self.journal.changed(_number_key(closed.number), closed)


_NUMBER = "digest-"


def _number_key(number: int) -> str:
    return f"{_NUMBER}{number}"


def _policy(config: DedupConfig, rule: DedupRule | None) -> Policy:
    def pick(name: str) -> Any:
        value = getattr(rule, name, None)
        return getattr(config, name) if value is None else value

    remind: RemindConfig = pick("remind")
    return Policy(
        int(pick("window") * NS),
        int(pick("max_window") * NS),
        int(remind.every * NS),
        int(remind.longest * NS),
        remind.count,
        remind.growth,
    )


_OPEN = "a window is open for this fingerprint"


def _came_before(entry: Entry, alert: Alert) -> bool:
    """Is it the very same alert, sent again? Falco does so after a time-out."""
    mark = (alert.time_ns ^ crc32(alert.fields_json) << 24) & 0x7FFF_FFFF_FFFF_FFFF
    recent = entry.recent
    if mark in recent:
        return True
    recent.append(mark)
    if len(recent) > _RECENT:
        del recent[0]
    return False


def _judge(sighting: Sighting, entry: Entry, now_at: int) -> None:
    policy = entry.policy
    if entry.told_at < 0:
        sighting.kind = "first"
        sighting.why = "no window is open for this fingerprint"
        if entry.count > 1:
            sighting.why = "nothing of this window was told yet"
    elif sighting.again:
        sighting.why = "the very same alert came before: it was sent again"
    elif sighting.values:
        sighting.kind = "reminder"
        sighting.why = f"{sighting.values[0][0]} has a value that is new in this window"
    elif policy.every_ns and now_at - entry.told_at >= policy.wait_ns(entry.reminders):
        sighting.kind, sighting.paced = "reminder", True
        sighting.why = "the time for a reminder has come"
    elif policy.count and entry.held + 1 >= policy.wait_count(entry.reminders):
        sighting.kind, sighting.paced = "reminder", True
        sighting.why = "the number of repeats for a reminder is reached"


def _hold(entry: Entry, alert: Alert, wall_ns: int, again: bool) -> None:
    if entry.held == 0:
        entry.held_since_ns = wall_ns
    entry.held += 1
    entry.again += again
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


def _tell(
    sighting: Sighting,
    entry: Entry,
    now_at: int,
    band: int,
    lanes: Sequence[str],
    routes: tuple[str, ...],
) -> None:
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
    if entry.held == 1:
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
