"""What the metrics tell of committed alerts: how many, of which kind, from where, and when last."""

from __future__ import annotations

from typing import Any

from sidekick import metrics
from sidekick.heartbeat import Heartbeat
from sidekick.hub.event_counts import EventCounts, MetricsConfig
from sidekick.model import Alert, Assessment, Priority

RULES_LIMIT = 500
"""Rules, and as many sources, that are told apart."""
NODES_LIMIT = 2000
NAMESPACES_LIMIT = 300

_NAMESPACE_FIELDS = ("k8s.ns.name", "ka.target.namespace")
_HEARTBEAT = "Falco internal: metrics snapshot"
"""The rule of what a Falco sends at every interval of its setting `metrics.interval`."""


class AlertCounts:
    """Counts committed alerts; ``tell`` brings the counts into the metrics, once a commit: there
    each step takes as long as all that is done for an alert here."""

    def __init__(self, events: EventCounts | None = None) -> None:
        self._events = events or EventCounts(MetricsConfig())
        self._rule = metrics.Bounded(RULES_LIMIT)
        self._source = metrics.Bounded(RULES_LIMIT)
        self._namespace = metrics.Bounded(NAMESPACES_LIMIT)
        self._node = metrics.Bounded(NODES_LIMIT)
        self._by_rule: dict[tuple[str, Priority, str], Any] = {}
        self._by_kind: dict[str, Any] = {}
        self._by_namespace: dict[tuple[Any, Priority], Any] = {}
        self._rules: dict[tuple[str, Priority, str], int] = {}
        self._kinds: dict[str, int] = {}
        self._namespaces: dict[tuple[str, Priority], int] = {}
        self._silenced = 0
        self._seen_ns: dict[tuple[str, bool], int] = {}
        self._intervals: dict[str, float] = {}

    def add(self, alert: Alert, assessment: Assessment, now_ns: int) -> None:
        """Count one; a digest is none of a node's alerts, it only tells of them."""
        kind = assessment.kind
        if assessment.silenced_by:
            self._silenced += 1
        key = (alert.source, alert.priority, alert.rule)
        self._rules[key] = self._rules.get(key, 0) + 1
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        for field in _NAMESPACE_FIELDS:
            namespace = alert.fields.get(field)
            if namespace and isinstance(namespace, str):
                where = (namespace, alert.priority)
                self._namespaces[where] = self._namespaces.get(where, 0) + 1
                break
        if kind == "digest":
            return
        self._events.add(alert)
        if alert.hostname:
            self._seen_ns[self._node(alert.hostname), alert.rule == _HEARTBEAT] = now_ns

    def tell(self) -> None:
        """Bring what was added since the last call into the metrics."""
        for key, count in self._rules.items():
            (self._by_rule.get(key) or self._of_rule(key)).inc(count)
        for kind, count in self._kinds.items():
            (self._by_kind.get(kind) or self._of_kind(kind)).inc(count)
        for where, count in self._namespaces.items():
            (self._by_namespace.get(where) or self._of_namespace(where)).inc(count)
        if self._silenced:
            metrics.silenced.inc(self._silenced)
            self._silenced = 0
        self._rules.clear()
        self._kinds.clear()
        self._namespaces.clear()

    def heard(self, heartbeat: Heartbeat, now_ns: int) -> None:
        """A sensor of ours is there."""
        node = self._node(heartbeat.node)
        self._seen_ns[node, True] = now_ns
        self._intervals[node] = heartbeat.interval_secs

    def set_gauges(self) -> None:
        """Bring the times of the nodes into the metrics."""
        for node, seconds in self._intervals.items():
            metrics.node_interval.labels(node).set(seconds)
        self._intervals.clear()
        for (node, is_heartbeat), seen_ns in self._seen_ns.items():
            kind = "heartbeat" if is_heartbeat else "alert"
            metrics.node_seen.labels(node, kind).set(seen_ns / 1e9)
        self._seen_ns.clear()

    def _of_rule(self, key: tuple[str, Priority, str]) -> Any:
        source, priority, rule = key
        labels = self._source(source), priority.label, self._rule(rule)
        return _kept(self._by_rule, key, metrics.alerts.labels(*labels), 8 * RULES_LIMIT)

    def _of_kind(self, kind: str) -> Any:
        return _kept(self._by_kind, kind, metrics.assessed.labels(kind), 16)

    def _of_namespace(self, key: tuple[str, Priority]) -> Any:
        namespace, priority = key
        child = metrics.namespace_alerts.labels(self._namespace(namespace), priority.label)
        return _kept(self._by_namespace, key, child, 8 * NAMESPACES_LIMIT)


def _kept(children: dict[Any, Any], key: Any, child: Any, limit: int) -> Any:
    """The child, remembered while there is room: senders choose the keys."""
    if len(children) < limit:
        children[key] = child
    return child
