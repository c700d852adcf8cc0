"""Every Prometheus metric of sidekick, declared once; labels come from closed or bounded sets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

REGISTRY = CollectorRegistry()
OTHER = "other"

ProcessCollector(registry=REGISTRY)

received = Counter(
    "sidekick_alerts_received",
    "Alerts that came, by source and whether they were accepted, rejected or shed.",
    ["source", "status"],
    registry=REGISTRY,
)
refused = Counter(
    "sidekick_requests_refused",
    "Requests that were answered without looking at their alerts, by reason: token, address, "
    "size, timeout, syntax, headers, memory, connections, busy, upgrade, encoding, fault.",
    ["reason"],
    registry=REGISTRY,
)
alerts = Counter(
    "sidekick_alerts",
    "Alerts committed to the log, by Falco's source, priority and rule.",
    ["source", "priority", "rule"],
    registry=REGISTRY,
)
namespace_alerts = Counter(
    "sidekick_namespace_alerts",
    "Alerts committed to the log that name a Kubernetes namespace, by it and their priority.",
    ["namespace", "priority"],
    registry=REGISTRY,
)
node_seen = Gauge(
    "sidekick_node_last_seen_timestamp_seconds",
    "When a node (its hostname) last sent an alert or a heartbeat: a sensor's, or Falco's metrics "
    "snapshot.",
    ["node", "kind"],
    registry=REGISTRY,
)
node_interval = Gauge(
    "sidekick_node_heartbeat_interval_seconds",
    "How often a node's sensor says that it sends a heartbeat.",
    ["node"],
    registry=REGISTRY,
)
audit_events = Counter(
    "sidekick_audit_events",
    "Kubernetes audit events that came, by what became of them: matched (a rule), unmatched, "
    "repeated (sent again by the API server), rejected (no event).",
    ["outcome"],
    registry=REGISTRY,
)
assessed = Counter(
    "sidekick_alerts_assessed",
    "Alerts by what deduplication made of them: first, repeat, reminder, digest.",
    ["kind"],
    registry=REGISTRY,
)
silenced = Counter(
    "sidekick_alerts_silenced",
    "Alerts that a silence or an inhibition kept from every lane.",
    registry=REGISTRY,
)
lost = Counter(
    "sidekick_alerts_lost",
    "Alerts that will not be delivered, by reason: shed at the door, shed from the log, "
    "dead letters dropped.",
    ["reason"],
    registry=REGISTRY,
)
overflow = Counter(
    "sidekick_metrics_overflow",
    "Alerts that falcosidekick's metric of alerts counts under `other`, as it has all the series "
    "that metrics.series allows.",
    registry=REGISTRY,
)
faults = Counter(
    "sidekick_faults",
    "Errors inside sidekick that were caught and worked around, by place.",
    ["place"],
    registry=REGISTRY,
)
log_bytes = Gauge("sidekick_log_bytes", "Bytes in use in the alert log.", registry=REGISTRY)
log_limit = Gauge("sidekick_log_limit_bytes", "Size limit of the log.", registry=REGISTRY)
log_full = Gauge(
    "sidekick_log_full", "1 while the log sheds alerts for want of room.", registry=REGISTRY
)
commit_seconds = Histogram(
    "sidekick_commit_seconds",
    "Time of one commit to the log.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
    registry=REGISTRY,
)
commit_alerts = Histogram(
    "sidekick_commit_alerts",
    "Alerts in one commit.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1024),
    registry=REGISTRY,
)
lane_depth = Gauge(
    "sidekick_lane_depth", "Alerts a lane has yet to deliver.", ["lane"], registry=REGISTRY
)
lane_oldest = Gauge(
    "sidekick_lane_oldest_seconds",
    "Age of the oldest alert that a lane has yet to deliver.",
    ["lane"],
    registry=REGISTRY,
)
lane_open = Gauge(
    "sidekick_lane_breaker_open",
    "1 while a lane's circuit breaker is open.",
    ["lane"],
    registry=REGISTRY,
)
delivered = Counter(
    "sidekick_delivered", "Alerts that a lane delivered.", ["lane"], registry=REGISTRY
)
retried = Counter(
    "sidekick_retried", "Alerts that a lane will try again.", ["lane"], registry=REGISTRY
)
dead = Counter(
    "sidekick_dead_letters", "Alerts that a lane gave up on.", ["lane"], registry=REGISTRY
)


class Distribution:
    """The observations of one lane; an observation costs a third of the client library's own."""

    __slots__ = ("bounds", "counts", "examples", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.examples: list[Exemplar | None] = [None] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def observe_alert(self, seconds: float, id: str, now: float) -> None:
        """Count one, and remember the alert as the last example of its bucket."""
        place = bisect_left(self.bounds, seconds)
        self.counts[place] += 1
        self.total += seconds
        self.examples[place] = Exemplar({"alert_id": id}, seconds, now)


class LaneHistogram(Collector):
    """A histogram with the label ``lane``, kept as plain numbers until somebody scrapes."""

    def __init__(self, name: str, documentation: str, buckets: Sequence[float]) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = tuple(buckets)
        self._lanes: dict[str, Distribution] = {}
        REGISTRY.register(self)

    def labels(self, lane: str) -> Distribution:
        """That of a lane."""
        return self._lanes.setdefault(lane, Distribution(self._bounds))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What a scrape gets; exemplars show in OpenMetrics only."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=["lane"])
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        for lane, found in list(self._lanes.items()):
            sums = accumulate(found.counts)
            rows = zip(bounds, sums, found.examples, strict=True)
            buckets = [(le, n, e) if e is not None else (le, n) for le, n, e in rows]
            family.add_metric([lane], buckets, found.total)
        yield family


send_seconds = LaneHistogram(
    "sidekick_send_seconds",
    "Time of one delivery to a sink, failed ones included.",
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
latency_seconds = LaneHistogram(
    "sidekick_delivery_latency_seconds",
    "Time from an alert's commit to the end of its delivery; exemplars carry the alert's id.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600),
)


sensor_up = Gauge(
    "sidekick_sensor_up", "1 while this machine's own sensor watches.", registry=REGISTRY
)
sensor_events = Counter(
    "sidekick_sensor_events",
    "Events that rules were asked about.",
    registry=REGISTRY,
)
sensor_records = Counter(
    "sidekick_sensor_records",
    "What the kernel told the sensor, by type: system calls, and what happens to processes.",
    ["type"],
    registry=REGISTRY,
)
sensor_alerts = Counter(
    "sidekick_sensor_alerts",
    "Alerts that rules gave for events, those included that stand together in one.",
    registry=REGISTRY,
)
sensor_repeats = Counter(
    "sidekick_sensor_repeats",
    "Of them those that were only counted, because events repeated themselves (sensor.repeats).",
    registry=REGISTRY,
)
sensor_drops = Counter(
    "sidekick_sensor_drops",
    "What the sensor lost, by reason: calls_full and processes_full (a buffer of the kernel's was "
    "full), busy, process table full, sender (alerts that neither hub nor disk could take).",
    ["reason"],
    registry=REGISTRY,
)
sensor_processes = Gauge(
    "sidekick_sensor_processes", "Processes that the sensor remembers.", registry=REGISTRY
)
sensor_missed = Counter(
    "sidekick_sensor_missed_processes",
    "Processes whose start was not told, and that were looked up in /proc.",
    registry=REGISTRY,
)
sensor_starts = Counter(
    "sidekick_sensor_starts", "Starts of the sensor's process.", registry=REGISTRY
)
sensor_outbox = Gauge(
    "sidekick_sensor_outbox_bytes",
    "Alerts on the sensor's disk that wait for the hub.",
    registry=REGISTRY,
)

SENSOR_REGISTRY = CollectorRegistry()
"""Of a sensor that runs alone: the hub's metrics would all be zero there."""

ProcessCollector(registry=SENSOR_REGISTRY)
for _metric in (
    *(sensor_up, sensor_starts, sensor_events, sensor_alerts, sensor_drops),
    *(sensor_processes, sensor_missed, sensor_outbox, faults),
):
    SENSOR_REGISTRY.register(_metric)


class Bounded:
    """Lets through at most ``limit`` different values of a label; the rest become "other"."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value itself, or "other" when the limit is reached and the value is new."""
        if value in self._seen:
            return value
        if len(self._seen) >= self._limit:
            return OTHER
        self._seen.add(value)
        return value
