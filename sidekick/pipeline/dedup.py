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

import msgspec

from sidekick.model import Alert
from sidekick.pipeline.conditions import Condition, Conditions
from sidekick.pipeline.dedup_config import DedupConfig, Policy, policy_of
from sidekick.pipeline.entry import Closed, Entry, Sighting, came_before, hold, judge, tell
from sidekick.pipeline.fingerprint import Key, fingerprint, text_of
from sidekick.pipeline.state import Journal, readable
from sidekick.pipeline.view import AlertView

_OPEN = "a window is open for this fingerprint"
_NUMBER = "digest-"
_encode = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
_decode_closed = msgspec.msgpack.Decoder(Closed).decode


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
        self._policy = policy_of(config, None)
        self._never = [
            conditions.compile(f"dedup.never.{n}", text, scored=False)
            for n, text in enumerate(config.never)
        ]
        self._rules: list[tuple[Condition, Policy]] = [
            (
                conditions.compile(f"dedup.rules.{n}.match", rule.match, scored=False),
                policy_of(config, rule),
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
                hold(entry, alert, wall_ns, sighting.again)
            return "repeat"
        if silenced or not lanes:
            return "repeat" if sighting.earlier else sighting.kind
        tell(sighting, entry, now_at, band, digest_lanes, routes)
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
        earlier = entry.count
        entry.count += alert.count
        entry.last_at = now_at
        entry.last_ns = wall_ns
        sighting = Sighting("repeat", _OPEN, entry, entry.fingerprint, earlier=earlier)
        if came_before(entry, alert):
            sighting.again = True
        else:
            sighting.values = self._new_values(entry, alert)
        judge(sighting, entry, alert.count, now_at)
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


def _number_key(number: int) -> str:
    return f"{_NUMBER}{number}"
