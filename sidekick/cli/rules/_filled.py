"""Which fields some source of events fills; the others load, and are NULL in every event."""

from __future__ import annotations

import importlib
from functools import cache

from sidekick.rules.ruleset import Rule, RuleSet

_EXTRACTORS = {"syscall": "sidekick.sensor.fields", "k8s_audit": "sidekick.audit.record"}
"""The module of each source that says in ``FILLED`` what it fills."""

_OF_EVERY_EVENT = frozenset({"evt.num", "evt.source", "evt.type"})
_OF_EVERY_EVENT |= {"evt.hostname", "evt.is_async", "evt.plugininfo", "evt.pluginname"}
_FAMILIES = ("evt.time", "evt.datetime", "evt.rawtime")
"""What the engine knows of an event by itself; all fields that begin so."""


def unfilled(rules: RuleSet, rule: Rule) -> list[str]:
    """The fields of a rule's condition and output that no source fills, sorted."""
    filled = _filled_by(rule.source)
    if filled is None:
        return []
    keys = {*rules.keys(rule), *rule.output.keys}
    return sorted(key for key in keys if not _is_filled(key.partition("[")[0], filled))


def _is_filled(name: str, filled: frozenset[str]) -> bool:
    if name in filled or name in _OF_EVERY_EVENT or name.startswith(_FAMILIES):
        return True
    return any(family.endswith(".") and name.startswith(family) for family in filled)


@cache
def _filled_by(source: str) -> frozenset[str] | None:
    """None for a source that has no extractor here, whose events come from elsewhere."""
    try:
        found: frozenset[str] = importlib.import_module(_EXTRACTORS[source]).FILLED
    except (KeyError, ModuleNotFoundError):
        return None
    return found
