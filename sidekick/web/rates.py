"""What happened in the last minutes: differences between samples of the metrics."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import NamedTuple

from prometheus_client import Counter

from sidekick import metrics
from sidekick.web import replies

Labels = tuple[str, ...]
Counts = Mapping[Labels, float]

KEPT = 61
"""Samples kept; with one every five seconds they span five minutes."""


class Sample(NamedTuple):
    """All counters at one time, each by the values of its labels."""

    time_ns: int
    received: Counts
    assessed: Counts
    delivered: Counts
    retried: Counts
    dead: Counts
    lost: Counts
    silenced: Counts
    rules: Counts


def read_counters(now_ns: int) -> Sample:
    """The counters of this process now."""
    return Sample(
        now_ns,
        received=_counts(metrics.received, "status"),
        assessed=_counts(metrics.assessed, "kind"),
        delivered=_counts(metrics.delivered, "lane"),
        retried=_counts(metrics.retried, "lane"),
        dead=_counts(metrics.dead, "lane"),
        lost=_counts(metrics.lost, "reason"),
        silenced=_counts(metrics.silenced),
        rules=_counts(metrics.alerts, "rule", "source", "priority"),
    )


def _counts(counter: Counter, *names: str) -> Counts:
    """The counter's values, added up over the labels that are not named."""
    found: dict[Labels, float] = {}
    for family in counter.collect():
        for sample in family.samples:
            if sample.name.endswith("_total"):
                key = tuple(sample.labels[name] for name in names)
                found[key] = found.get(key, 0.0) + sample.value
    return found


class Rates:
    """Keeps samples of the last minutes and tells what changed since.

    ``started_ns`` is when all counters were zero: what the rates are measured from until there are
    samples enough.
    """

    def __init__(
        self, read: Callable[[int], Sample] = read_counters, started_ns: int | None = None
    ) -> None:
        self._read = read
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        if started_ns is not None:
            self._samples.append(Sample(started_ns, *({} for _ in Sample._fields[1:])))

    def take(self, now_ns: int) -> None:
        """Keep a sample of now."""
        self._samples.append(self._read(now_ns))

    async def keep_sampling(self, every_secs: float, clock_ns: Callable[[], int]) -> None:
        """Take a sample again and again, until cancelled."""
        while True:
            self.take(clock_ns())
            await asyncio.sleep(every_secs)

    def over(self, window_secs: float, top: int, now_ns: int) -> replies.Rates:
        """What changed in the window, which is rounded up to whole samples."""
        now = self._read(now_ns)
        then = self._base(now_ns - int(window_secs * 1e9)) or now
        seconds = max(now_ns - then.time_ns, 0) / 1e9
        return replies.Rates(
            seconds=seconds,
            received=_per_second(now.received, then.received, seconds),
            assessed=_per_second(now.assessed, then.assessed, seconds),
            delivered=_per_second(now.delivered, then.delivered, seconds),
            retried=_per_second(now.retried, then.retried, seconds),
            dead=_per_second(now.dead, then.dead, seconds),
            silenced=sum(map(int, _change(now.silenced, then.silenced).values())),
            lost={key[0]: int(n) for key, n in _change(now.lost, then.lost).items()},
            rules=_top_rules(_change(now.rules, then.rules), seconds, top),
        )

    def _base(self, since_ns: int) -> Sample | None:
        """The newest sample that is old enough, else the oldest there is."""
        old_enough = (s for s in reversed(self._samples) if s.time_ns <= since_ns)
        return next(old_enough, self._samples[0] if self._samples else None)


def _change(now: Counts, then: Counts) -> dict[Labels, float]:
    return {key: value - then.get(key, 0.0) for key, value in now.items()}


def _per_second(now: Counts, then: Counts, seconds: float) -> dict[str, float]:
    return {
        key[0]: round(change / seconds, 3) if seconds else 0.0
        for key, change in _change(now, then).items()
    }


def _top_rules(change: Mapping[Labels, float], seconds: float, top: int) -> list[replies.RuleRate]:
    busiest = sorted(change.items(), key=itemgetter(1), reverse=True)[:top]
    return [
        replies.RuleRate(
            rule=rule,
            source=source,
            priority=priority,
            count=int(count),
            per_second=round(count / seconds, 3) if seconds else 0.0,
        )
        for (rule, source, priority), count in busiest
        if count > 0
    ]
