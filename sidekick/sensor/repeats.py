"""Identical events of a second: the first few are told one by one, the others only counted.

A program that does the same thing ten thousand times a second says nothing new with any of them.
What is counted is told at the end of its second, in one alert whose ``evt.count`` is how many it
stands for: none vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from sidekick.model import Alert
from sidekick.sensor.record import Record

_LIMIT = 4096
"""Different events a second that are remembered; what comes beyond is told one by one."""

Again = Callable[[Alert, int, int], Alert]
"""An alert of so many more events like an alert's, the last of them at that time."""


@dataclass(slots=True)
class _Seen:
    """One event: how often it was told, its last alerts, how often it was counted since."""

    told: int = 0
    alerts: Sequence[Alert] = ()
    count: int = 0
    last_ns: int = 0


class Repeats:
    """``told`` of the same events are told one by one, 0: all are. ``counted`` is how many alerts
    were not written because of it.

    Events are the same if their records are, to the letter but for time and CPU, as long as
    nothing happens to their process, or to one that may be an ancestor's of it.
    """

    def __init__(self, told: int) -> None:
        self._told = told
        self._seen: dict[int, dict[Hashable, _Seen]] = {}
        self._room = _LIMIT
        self._over: list[_Seen] = []
        self.counted = 0

    def __bool__(self) -> bool:
        return bool(self._seen)

    def again(self, record: Record) -> bool:
        """Is it only counted? Then nobody need look at it."""
        of_process = self._seen.get(record.header.pid)
        seen = of_process.get(record.identity) if of_process else None
        if seen is None or not seen.alerts:
            return False
        seen.count += 1
        seen.last_ns = record.header.time_ns
        self.counted += len(seen.alerts)
        return True

    def note(self, record: Record, alerts: Sequence[Alert]) -> None:
        """These alerts of an event are told."""
        if not self._told:
            return
        of_process = self._seen.setdefault(record.header.pid, {})
        key = record.identity
        seen = of_process.get(key)
        if seen is None:
            if not self._room:
                return
            self._room -= 1
            seen = of_process[key] = _Seen()
        seen.told += 1
        if seen.told >= self._told:
            seen.alerts = alerts

    def changed(self, pid: int, others: bool) -> None:
        """A process is another now, and with ``others`` so are its children's ancestors."""
        if others:
            self.forget()
        elif found := self._seen.pop(pid, None):
            self._end(found)

    def forget(self) -> None:
        """What was seen may have changed, whoever did it."""
        for found in self._seen.values():
            self._end(found)
        self._seen.clear()

    def _end(self, events: dict[Hashable, _Seen]) -> None:
        self._over += [seen for seen in events.values() if seen.count]

    def close(self, again: Again, boot_ns: int) -> list[Alert]:
        """The second is over: an alert for each that was counted. ``boot_ns`` is when the machine
        started, since the epoch."""
        self.forget()
        over, self._over = self._over, []
        self._room = _LIMIT
        return [
            again(alert, seen.count, seen.last_ns + boot_ns)
            for seen in over
            for alert in seen.alerts
        ]
