"""falcosidekick's metrics as Prometheus reads them, beside sidekick's own.

Their counts are kept as plain numbers and written as text here: by way of the client library a
scrape of 2,000 series takes ten times as long, and holds up alerts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from sidekick import metrics
from sidekick.hub.event_counts import LABELS, EventCounts, Key
from sidekick.hub.view import LaneStatus

_PREFIX = "falcosecurity_falcosidekick_"
_SOURCES = {"http": "requests"}
_DESTINATIONS = {"s3": "awss3"}

_SPECIAL = re.compile(r'[\\"\n]')

Series = tuple[bytes, int]
"""The labels of a series as text, with their braces, and its count."""


class Exposed:
    """The text of the metrics; ``lanes`` gives the status of each."""

    def __init__(
        self, events: EventCounts, lanes: Callable[[], Iterable[LaneStatus]], old_names: bool
    ) -> None:
        self._events = events
        self._lanes = lanes
        self._old_names = old_names
        self._heads: dict[Key, bytes] = {}
        pairs = ",".join([f'{name}="%s"' for name in (*LABELS, *events.names)])
        self._form = f"{{{pairs}}}"

    def text(self, openmetrics: bool) -> bytes:
        """All of them, as Prometheus' text format or as a part of OpenMetrics'."""
        families = [
            ("falco_events", "Alerts, by what they say.", list(self._by_labels())),
            ("inputs", "Alerts that came.", list(_inputs())),
            ("outputs", "Deliveries of alerts, failed tries included.", list(self._outputs())),
        ]
        parts: list[bytes] = []
        for name, about, series in families:
            parts += _counter(_PREFIX + name, about, series, openmetrics)
            if self._old_names:
                old = name if name == "falco_events" else f"falcosidekick_{name}"
                parts += _untotalled(old, about, series, openmetrics)
        by_rule, about = list(self._by_rule()), "Alerts, by rule."
        if self._old_names:  # OpenMetrics allows no falco_events beside a counter of that name
            parts += _untotalled("falco_events_total", about, by_rule, openmetrics)
        else:
            parts += _counter("falco_events", about, by_rule, openmetrics)
        drops = [(b"", self._events.drops)]
        about = "Events that Falco or a sensor said it lost, as far as their alerts of it tell."
        parts += _counter("falco_evts_drop", about, drops, openmetrics)
        return b"".join(parts)

    def _by_labels(self) -> Iterator[Series]:
        heads = self._heads
        for key, count in self._events.counts.items():
            yield heads.get(key) or self._head(key), count

    def _head(self, key: Key) -> bytes:
        host, rule, priority, source, namespace, pod, own = key
        values = (host, rule, str(int(priority)), priority.name.lower(), source, namespace, pod)
        texts = (*values, *own)
        if _SPECIAL.search("".join(texts)):
            texts = tuple(map(_escaped, texts))
        head = self._heads[key] = (self._form % texts).encode(errors="replace")
        return head

    def _by_rule(self) -> Iterator[Series]:
        for (rule, priority, source), count in self._events.by_rule().items():
            yield _labels({"priority": priority.label, "rule": rule, "source": source}), count

    def _outputs(self) -> Iterator[Series]:
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for lane in self._lanes():
            destination = _DESTINATIONS.get(lane.type, lane.type)
            counts[destination, "ok"] += lane.delivered
            counts[destination, "error"] += lane.retried + lane.dead
        for (destination, status), count in counts.items():
            yield _labels({"destination": destination, "status": status}), count


def _inputs() -> Iterator[Series]:
    counts = {("requests", "accepted"): 0, ("requests", "rejected"): 0}
    for family in metrics.received.collect():
        for sample in family.samples:
            source, status = sample.labels["source"], sample.labels["status"]
            status = "accepted" if status == "accepted" else "rejected"
            key = _SOURCES.get(source, source), status
            counts[key] = counts.get(key, 0) + int(sample.value)
    for (source, status), count in counts.items():
        yield _labels({"source": source, "status": status}), count


def _counter(name: str, about: str, series: Iterable[Series], openmetrics: bool) -> Iterator[bytes]:
    """Its name ends in ``_total``, which OpenMetrics leaves out of what is told about it."""
    sample = f"{name}_total"
    yield _heading(name if openmetrics else sample, about, "counter")
    yield from _samples(sample, series)


def _untotalled(
    name: str, about: str, series: Iterable[Series], openmetrics: bool
) -> Iterator[bytes]:
    """A counter whose name does not say so, for which OpenMetrics has no type."""
    yield _heading(name, about, "unknown" if openmetrics else "untyped")
    yield from _samples(name, series)


def _heading(name: str, about: str, kind: str) -> bytes:
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n".encode()


def _samples(name: str, series: Iterable[Series]) -> Iterator[bytes]:
    start = name.encode()
    for labels, count in series:
        yield b"%b%b %d\n" % (start, labels, count)


def _labels(pairs: Mapping[str, str]) -> bytes:
    texts = [f'{name}="{_escaped(value)}"' for name, value in pairs.items()]
    return f"{{{','.join(texts)}}}".encode(errors="replace")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
