"""Labels out of an alert's fields: legal names, and a bound on how many values one may have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sidekick.document import Document
from sidekick.sinks import _render as render

OTHER = "other"
_VALUE_CHARACTERS = 256
_LONGEST = 2048  # Loki's max_label_value_length, unless it is told otherwise


def label_name(field: str) -> str:
    """``[a-zA-Z_][a-zA-Z0-9_]*``: "alert.rule" is "rule", "k8s.ns.name" is "k8s_ns_name"."""
    name = re.sub(r"[^a-zA-Z0-9]+", "_", field.removeprefix("alert.")).strip("_")
    return name if name and not name[0].isdigit() else f"_{name}"


class Labels:
    """The labels of alerts, made of the values of some fields.

    Of each field the first ``limit`` values are told apart, the rest is "other": a sender that
    makes up names cannot make the receiver's index grow without end.
    """

    def __init__(self, fixed: Mapping[str, str], fields: Iterable[str], limit: int) -> None:
        self._fixed = dict(fixed)
        self._names = {field: label_name(field) for field in fields}
        self._seen: dict[str, set[str]] = {field: set() for field in self._names}
        self._limit = limit

    def of(self, found: Document) -> dict[str, str]:
        """The labels; a field without a value gives none."""
        labels = dict(self._fixed)
        for field, name in self._names.items():
            value = render.field_value(found, field)
            if value and value != "<NA>":
                labels[name] = self._bounded(field, render.clip(value, _VALUE_CHARACTERS))
        return labels

    def bound(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Labels made elsewhere, with the fixed ones; of each name as many values."""
        texts = {name: render.clip(value, _LONGEST) for name, value in labels.items()}
        return self._fixed | {name: self._bounded(name, text) for name, text in texts.items()}

    def _bounded(self, field: str, value: str) -> str:
        seen = self._seen.setdefault(field, set())
        if value not in seen:
            if len(seen) >= self._limit:
                return OTHER
            seen.add(value)
        return value
