"""Alerts by the labels of falcosidekick's metric, within a bound on its series."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from pydantic import Field

from sidekick import metrics
from sidekick.model import Alert, Priority
from sidekick.section import Section

Key = tuple[str, str, Priority, str, str, str, tuple[str, ...]]
"""Hostname, rule, priority, source, namespace, pod, and the values of the configured labels."""

LABELS = ("hostname", "rule", "priority", "priority_raw", "source", "k8s_ns_name", "k8s_pod_name")
DROP_RULE = "Falco internal: syscall event drop"
"""The rule of the alert in which Falco, or a sensor of ours, says how many events it lost."""

_RULES = 500  # more series, of rule, priority and source, for what is beyond the bound
_CHARACTERS = 256
_UNKNOWN = "unknown"


class MetricsConfig(Section):
    """falcosidekick's metrics, which `/metrics` of the listener has beside sidekick's own."""

    labels: tuple[str, ...] = Field((), max_length=32)
    """Output fields that become labels of `falcosecurity_falcosidekick_falco_events_total`, with
    `_` for what no label's name may have. A field whose value is no text is an empty label."""
    pods: bool = True
    """Whether that metric has the label `k8s_pod_name`."""
    series: int = Field(2000, ge=1, le=100_000)
    """Series of that metric that are told apart. Beyond, alerts count for their rule, priority and
    source, with `other` for the rest; `sidekick_metrics_overflow_total` says how many."""
    old_names: bool = False
    """The metrics also under the names of falcosidekick before 2.30: `falco_events`,
    `falcosidekick_inputs`, `falcosidekick_outputs`."""


class EventCounts:
    """Counts alerts; whatever senders write, there are at most ``series`` + 508 counts."""

    def __init__(self, config: MetricsConfig) -> None:
        self.names, self._fields = _labels(config.labels)
        """The names of the configured labels."""
        self.counts: dict[Key, int] = {}
        self.drops = 0
        """Events that Falco and our sensors said they lost."""
        self._pods = config.pods
        self._limit = config.series

    def add(self, alert: Alert) -> None:
        """Count one."""
        fields = alert.fields
        namespace, pod = fields.get("k8s.ns.name"), fields.get("k8s.pod.name")
        key = (
            alert.hostname,
            alert.rule,
            alert.priority,
            alert.source,
            namespace if namespace.__class__ is str else "",
            pod if pod.__class__ is str and self._pods else "",
            tuple([_text(fields.get(field)) for field in self._fields]) if self._fields else (),
        )
        if key in self.counts:
            self.counts[key] += 1
        else:
            self._first(key)
        if alert.rule == DROP_RULE:
            self.drops += _number(fields.get("n_drops"))

    def by_rule(self) -> dict[tuple[str, Priority, str], int]:
        """The counts by rule, priority and source."""
        found: dict[tuple[str, Priority, str], int] = defaultdict(int)
        for (_, rule, priority, source, *_), count in self.counts.items():
            found[rule, priority, source] += count
        return found

    def _first(self, key: Key) -> None:
        """Count under a key of which there is none yet, if there may be one."""
        short = _clipped(key)
        if short not in self.counts and len(self.counts) >= self._limit:
            metrics.overflow.inc()
            short = self._reduced(short)
        self.counts[short] = self.counts.get(short, 0) + 1

    def _reduced(self, key: Key) -> Key:
        _, rule, priority, source, _, _, own = key
        other = metrics.OTHER
        rest = (other, other, (other,) * len(own))
        found = (other, rule, priority, source, *rest)
        if found in self.counts or len(self.counts) < self._limit + _RULES:
            return found
        return (other, other, priority, other, *rest)


def _labels(fields: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of labels and their fields, without those whose name is taken."""
    found: dict[str, str] = {}
    for field in fields:
        name = re.sub("[^a-zA-Z0-9_]", "_", field) or "_"
        name = f"_{name}" if name[0].isdigit() else name
        if name not in LABELS:
            found.setdefault(name, field)
    return tuple(found), tuple(found.values())


def _clipped(key: Key) -> Key:
    host, rule, priority, source, namespace, pod, own = key
    n = _CHARACTERS
    texts = tuple([text[:n] for text in own])
    return (host or _UNKNOWN)[:n], rule[:n], priority, source[:n], namespace[:n], pod[:n], texts


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    """What Falco writes as text or number; 0 for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(0, min(value, 2**53))
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        return int(value)
    return 0
