"""Alerts that have little but the name of a rule."""

from __future__ import annotations

from sidekick.model import Alert, Priority


def alerts(*names: object) -> list[Alert]:
    return [
        Alert(
            rule=str(name),
            priority=Priority.NOTICE,
            source="syscall",
            time="2026-01-01T00:00:00.000000000Z",
            time_ns=0,
            fields={},
            fields_json=b"{}",
        )
        for name in names
    ]
