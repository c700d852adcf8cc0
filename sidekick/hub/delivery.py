"""A delivery, and what the log stores of one that failed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sidekick.hub.spool import Statement
from sidekick.model import Envelope

_LONGEST_ERROR = 500


class Delivery:
    """Alerts that go to the sink together; ``parked`` ones have rows in ``retry``."""

    __slots__ = ("attempts", "due", "items", "parked", "since_ns")

    def __init__(
        self, items: list[Envelope], since_ns: int, attempts: int = 0, parked: bool = False
    ) -> None:
        self.items = items
        self.since_ns = since_ns
        self.attempts = attempts
        self.parked = parked
        self.due = 0.0

    def __lt__(self, other: Delivery) -> bool:
        return self.due < other.due


def park(bit: int, delivery: Delivery, due_ns: int, error: str) -> list[Statement]:
    """Keep its alerts for another try at that time, unless the log has shed them meanwhile."""
    return [
        (
            "INSERT OR REPLACE INTO retry SELECT ?, seq, ?, ?, ?, ? FROM alert WHERE seq = ?",
            (bit, due_ns, delivery.since_ns, delivery.attempts, error[:_LONGEST_ERROR], e.seq),
        )
        for e in delivery.items
    ]


def unpark(bit: int, items: Sequence[Envelope]) -> Statement:
    """Forget what was kept for another try."""
    return (
        "DELETE FROM retry WHERE bit = ? AND seq IN (SELECT value FROM json_each(?))",
        (bit, json.dumps([e.seq for e in items])),
    )


def bury(bit: int, delivery: Delivery, died_ns: int, error: str) -> list[Statement]:
    """Make dead letters of its alerts."""
    return [
        (
            "INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                bit,
                e.seq,
                died_ns,
                delivery.attempts,
                error[:_LONGEST_ERROR],
                e.received_ns,
                e.time_ns,
                int(e.priority),
                e.fingerprint,
                e.body,
            ),
        )
        for e in delivery.items
    ]


def trim(bit: int, most: int) -> Statement:
    """Forget dead letters of a lane but so many, the newest."""
    return (
        "DELETE FROM dead WHERE bit = ?1 AND seq IN (SELECT seq FROM dead WHERE bit = ?1 "
        "ORDER BY died_ns DESC, seq DESC LIMIT -1 OFFSET ?2)",
        (bit, most),
    )
