"""What a lane counts: for its metrics and its status."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from sidekick import metrics
from sidekick.model import Envelope

log = logging.getLogger(__name__)


class Tally:
    """The counts of one lane since the start of the process; ``depth`` is what it has yet to do."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self.depth = 0
        self.delivered = 0
        self.retried = 0
        self.dead = 0
        self.last_error = ""
        self._delivered = metrics.delivered.labels(lane)
        self._retried = metrics.retried.labels(lane)
        self._dead = metrics.dead.labels(lane)
        self._latency = metrics.latency_seconds.labels(lane)
        self.send_time = metrics.send_seconds.labels(lane)

    def count_delivered(self, items: Sequence[Envelope]) -> None:
        """These alerts are with the receiver."""
        self.delivered += len(items)
        self.depth -= len(items)
        self._delivered.inc(len(items))
        now_ns = time.time_ns()
        latency, now = self._latency, now_ns / 1e9
        for envelope in items[:-1]:
            latency.observe((now_ns - envelope.received_ns) / 1e9)
        if items:
            last = items[-1]
            latency.observe_alert((now_ns - last.received_ns) / 1e9, last.id, now)

    def count_retried(self, count: int) -> None:
        """So many alerts will be tried again."""
        self.retried += count
        self._retried.inc(count)

    def count_dead(self, count: int) -> None:
        """So many alerts were given up."""
        self.depth -= count
        self.dead += count
        self._dead.inc(count)

    def note(self, error: str) -> None:
        """Tell the log of an error, once while it stays the same."""
        if error != self.last_error:
            log.warning("delivery failed", extra={"lane": self._lane, "error": error})
        self.last_error = error
