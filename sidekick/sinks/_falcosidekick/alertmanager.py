"""falcosidekick's alert for Alertmanager: every field a label, the output as annotation.

The fields that count lost events (``n_drop...``) are told in steps, and raise the priority.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import field_validator

from sidekick import go_json, rfc3339
from sidekick.go_json import Value
from sidekick.model import Priority
from sidekick.section import Section
from sidekick.sinks._falcosidekick.payload import Payload

SEVERITIES = {p: "critical" for p in Priority if p >= Priority.CRITICAL}
SEVERITIES |= {Priority.WARNING: "warning", Priority.ERROR: "warning"}
SEVERITIES |= {p: "information" for p in Priority if p < Priority.WARNING}
"""What the label ``severity`` says for each priority."""

NEVER = "0001-01-01T00:00:00Z"
"""Go's empty time: Alertmanager then resolves an alert after its own ``resolve_timeout``."""

_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)


def check_priority(text: str) -> str:
    """The name of a priority in lower case; ``ValueError`` if it is none."""
    found = Priority.parse(text)
    if found is None:
        names = ", ".join(p.name.lower() for p in reversed(Priority))
        raise ValueError(f"wanted one of {names}")
    return found.name.lower()


class DropThreshold(Section):
    """A step in which lost events are told."""

    above: int
    """More lost events than this are told as `>ABOVE`."""
    priority: str = "critical"
    """The priority that such an alert has at least."""

    @field_validator("priority")
    @classmethod
    def _known(cls, text: str) -> str:
        return check_priority(text)


DROP_THRESHOLDS = (
    DropThreshold(above=10000, priority="critical"),
    DropThreshold(above=1000, priority="critical"),
    DropThreshold(above=100, priority="critical"),
    DropThreshold(above=10, priority="warning"),
    DropThreshold(above=1, priority="warning"),
)


class Writer:
    """Makes the alerts of one instance; the arguments are its settings."""

    def __init__(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        severities: Mapping[str, str],
        skipped: Sequence[str],
        thresholds: Sequence[DropThreshold],
        least: str,
        lasting_secs: float,
        now_ns: Callable[[], int],
    ) -> None:
        self._labels = dict(labels)
        self._annotations = dict(annotations)
        own = {Priority[name.upper()]: text for name, text in severities.items()}
        self._severities = SEVERITIES | own
        self._skipped = frozenset(skipped)
        self._steps = [(one.above, Priority[one.priority.upper()]) for one in thresholds]
        self._steps.sort(reverse=True)
        self._least = Priority[least.upper()]
        self._lasting = timedelta(seconds=int(lasting_secs))
        self._now_ns = now_ns

    def body(self, alerts: Iterable[Payload]) -> bytes:
        """The request for these alerts."""
        return go_json.encode([self._alert(one) for one in alerts]) + b"\n"

    def _alert(self, alert: Payload) -> dict[str, Any]:
        told = {"info": alert.output, "description": alert.output, "summary": alert.rule}
        return {
            "labels": dict(sorted((self._of(alert) | self._labels).items())),
            "annotations": dict(sorted((told | self._annotations).items())),
            "endsAt": self._end(alert.time),
        }

    def _of(self, alert: Payload) -> dict[str, str]:
        priority = Priority[alert.priority.upper()]
        labels: dict[str, str] = {}
        for name, value in alert.fields.items():
            if name.startswith("n_evts") or name in self._skipped:
                continue
            if name.startswith("n_drop"):
                count = _whole(value)
                if count is not None:
                    labels[name], least = self._step(count, value)
                    priority = max(priority, least)
            elif (text := _text(value)) is not None:
                labels[_name(name)] = text
        labels |= {"source": "falco", "rule": alert.rule, "alertname": alert.rule}
        labels["eventsource"] = alert.source
        if alert.hostname:
            labels["hostname"] = alert.hostname
        if alert.tags:
            labels["tags"] = ",".join(alert.tags)
        return labels | {"priority": priority.label, "severity": self._severities[priority]}

    def _step(self, count: int, value: Value) -> tuple[str, Priority]:
        if count == 0:
            return "0", Priority.WARNING
        for above, priority in self._steps:
            if count > above:
                return f">{above}", priority
        return _text(value) or str(count), self._least

    def _end(self, time: str) -> str:
        if not self._lasting:
            return NEVER
        try:
            moment = datetime.fromisoformat(time[:19]) + self._lasting
        except OverflowError:
            return NEVER
        end = f"{moment:%Y-%m-%dT%H:%M:%S}{time[19:]}"
        # One that waited for long would come resolved already, and nobody would hear of it.
        return end if rfc3339.nanoseconds(end) > self._now_ns() else NEVER


def _text(value: Value) -> str | None:
    """A text as it is, a number by its digits; None for anything else."""
    text = go_json.text(value)
    return text if isinstance(value, str) or text[0] in "-0123456789" else None


def _whole(value: Value) -> int | None:
    digits = go_json.text(value)
    count = int(digits) if _WHOLE.fullmatch(digits) else None
    return count if count is not None and -(2**63) <= count < 2**63 else None


def _name(field: str) -> str:
    name = re.sub("[^a-zA-Z0-9_]", "_", field)
    return name.replace("__", "_").strip("_")
