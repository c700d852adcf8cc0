"""An alert as the record that conditions and templates read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sidekick.model import Alert

_READ: dict[str, Callable[[Alert], Any]] = {
    "alert.rule": lambda alert: alert.rule,
    "alert.priority": lambda alert: alert.priority.label,
    "alert.tags": lambda alert: list(alert.tags),
    "alert.source": lambda alert: alert.source,
    "alert.hostname": lambda alert: alert.hostname,
    "alert.output": lambda alert: alert.output,
    "alert.time": lambda alert: alert.time,
}
_OWN = frozenset(_READ) | {"alert.score"}


class AlertView(dict[str, Any]):
    """The output fields of an alert by their names, and ``alert.*`` on demand.

    A key that the alert does not have reads as None. ``alert.score`` is None before the alert is
    scored. An output field that a sender named ``alert.*`` never stands in for the real one.
    """

    __slots__ = ("_alert", "_score")

    def __init__(self, alert: Alert, score: int | None = None) -> None:
        super().__init__(alert.fields)
        self._alert = alert
        self._score = score
        if not _OWN.isdisjoint(self):
            for name in _OWN:
                self.pop(name, None)

    def __missing__(self, key: str) -> Any:
        if key == "alert.score":
            return self._score
        read = _READ.get(key)
        return None if read is None else read(self._alert)


ALERT_KEYS = _OWN
"""The names of ``alert.*`` that a view knows."""
