"""falcosidekick's stream of Loki: its labels, the output or the canonical JSON as line."""

from __future__ import annotations

from collections.abc import Iterable

from sidekick.sinks._falcosidekick.payload import Payload

_FIELDS = ("k8s.ns.name", "k8s.pod.name")


def labels(alert: Payload, extra: Iterable[str]) -> dict[str, str]:
    """The labels by name; of the fields in ``extra`` those that are texts."""
    found = {"rule": alert.rule, "source": alert.source, "priority": alert.priority}
    for field in (*_FIELDS, *extra):
        value = alert.fields.get(field)
        if isinstance(value, str):
            found[_name(field)] = value.replace('"', "")
    if alert.hostname:
        found["hostname"] = alert.hostname
    if alert.tags:
        found["tags"] = ",".join(alert.tags)
    return dict(sorted(found.items()))


def _name(field: str) -> str:
    return field.replace(".", "_").replace("[", "").replace("]", "")
