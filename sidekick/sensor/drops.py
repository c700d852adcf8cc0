"""Lost events: when somebody hears of them, and what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from sidekick.model import Alert, Priority
from sidekick.rules.times import clock, rfc3339
from sidekick.sensor.config import DropsConfig

RULE = "Falco internal: syscall event drop"
"""The name that Falco gives it, so that routes for it work here too."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What a look found worth telling: how many were lost of how many, by reason."""

    lost: int
    events: int
    reasons: Mapping[str, int]


class Drops:
    """Decides second by second. A bucket of tokens bounds how often it tells, as in Falco.

    What was lost while it kept silent is told with the next loss.
    """

    def __init__(self, config: DropsConfig) -> None:
        self._config = config
        self._tokens = float(config.max_burst)
        self._looked: float | None = None
        self._before: Mapping[str, int] = {}
        self._untold: dict[str, int] = {}
        self._events = 0
        self._simulated = 0

    def look(
        self, totals: Mapping[str, int], events: int, now: float
    ) -> tuple[dict[str, int], Loss | None]:
        """What was lost since the last look, by reason, and what is to be told.

        ``totals`` are counts since the start; ``events`` those that were taken since the last look.
        """
        if self._config.simulate:
            self._simulated += 1
            totals = {**totals, "simulated": self._simulated}
        new = {reason: total - self._before.get(reason, 0) for reason, total in totals.items()}
        new = {reason: count for reason, count in new.items() if count > 0}
        self._before = dict(totals)
        self._refill(now)
        lost = sum(new.values())
        for reason, count in new.items():
            self._untold[reason] = self._untold.get(reason, 0) + count
        self._events += events
        too_many = lost > self._config.threshold * (lost + events)
        if not (lost and too_many and self._tokens >= 1):
            return new, None
        self._tokens -= 1
        loss = Loss(sum(self._untold.values()), self._events, self._untold)
        self._untold, self._events = {}, 0
        return new, loss

    def _refill(self, now: float) -> None:
        passed = now - self._looked if self._looked is not None else 0.0
        self._looked = now
        most = float(self._config.max_burst)
        self._tokens = min(most, self._tokens + passed * self._config.rate)


def alert_of(loss: Loss, config: DropsConfig, hostname: str, time_ns: int) -> Alert:
    """The alert of a loss, in the shape of Falco's own: all its fields are texts."""
    fields = {
        "evt.time": time_ns,
        "n_drops": str(loss.lost),
        "n_evts": str(loss.events + loss.lost),
        **{f"n_drops_{reason}": str(count) for reason, count in sorted(loss.reasons.items())},
    }
    priority = Priority.parse(config.priority) or Priority.WARNING
    reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(loss.reasons.items()))
    return Alert(
        rule=RULE,
        priority=priority,
        source="internal",
        time=rfc3339(time_ns),
        time_ns=time_ns,
        fields=fields,
        fields_json=msgspec.json.encode(fields, order="sorted"),
        output=f"{clock(time_ns)}: {priority.label} {RULE}. {loss.lost} events lost ({reasons})",
        hostname=hostname,
    )
