"""The fields of alerts: what routes, silences, exceptions and scores ask for."""

from __future__ import annotations

from sidekick.rules.falco_fields import FALCO_FIELDS
from sidekick.rules.fields import Argument, FieldKind, FieldRegistry, FieldType, Shape

_DYNAMIC = FieldKind(FieldType.DYNAMIC, argument=Argument.KEY, loose=True)
_OWN = {
    "alert.rule": FieldKind(FieldType.STRING),
    "alert.priority": FieldKind(FieldType.PRIORITY),
    "alert.tags": FieldKind(FieldType.STRING, Shape.LIST),
    "alert.source": FieldKind(FieldType.STRING),
    "alert.hostname": FieldKind(FieldType.STRING),
    "alert.output": FieldKind(FieldType.STRING),
    "alert.score": FieldKind(FieldType.INT64, loose=True),
    "alert.time": FieldKind(FieldType.ABSTIME, loose=True),
    # Output fields whose name has no dot, or other characters than the grammar takes.
    "alert.field": FieldKind(
        FieldType.DYNAMIC, argument=Argument.KEY, required=True, loose=True, by_argument=True
    ),
}

ALERT_FIELDS = FieldRegistry(
    kinds={**{name: kind.for_alerts() for name, kind in FALCO_FIELDS.kinds.items()}, **_OWN},
    prefixes={name: kind.for_alerts() for name, kind in FALCO_FIELDS.prefixes.items()},
    unknown=_DYNAMIC,
    closed=("alert.",),
)
"""``alert.*``, Falco's fields, and any other output field by its name, typed by its value."""
