"""Alerts and pipelines for tests; seconds count from a Tuesday morning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sidekick.model import Alert, Outcome, Priority
from sidekick.pipeline.process import PipelineConfig, Process
from sidekick.rules.compile import compile_condition

NS = 1_000_000_000
START = 1_767_690_000 * NS
"""2026-01-06 09:00:00 UTC, a Tuesday."""
DAY = 86_400


def alert(rule: str = "Shell", priority: str = "Warning", **changes: Any) -> Alert:
    """An alert; ``fields`` are its output fields."""
    fields = changes.pop("fields", {"proc.name": "bash"})
    found = Priority.parse(priority)
    assert found is not None
    given: dict[str, Any] = {
        "source": "syscall",
        "time": "2026-01-06T09:00:00Z",
        "time_ns": START,
        "output": "a shell",
        "hostname": "node-1",
        "tags": (),
    }
    return Alert(
        rule=rule,
        priority=found,
        fields=fields,
        fields_json=json.dumps(fields, separators=(",", ":")).encode(),
        **given | changes,
    )


def pipeline(lanes: Sequence[str] = ("a", "b"), **sections: Any) -> Process:
    """A pipeline with these sections of the configuration."""
    return Process(PipelineConfig.model_validate(sections), lanes, compile_condition)


class Run:
    """A pipeline and a clock, in seconds since ``START``."""

    def __init__(self, lanes: Sequence[str] = ("a", "b"), **sections: Any) -> None:
        self.lanes = lanes
        self.sections = sections
        self.process = pipeline(lanes, **sections)
        self.state: dict[str, bytes] = {}

    def see(self, secs: float, found: Alert | None = None, **changes: Any) -> Outcome:
        """Process an alert at that time."""
        if found is None:  # no two are the same to the letter, as one that is sent again is
            own: dict[str, Any] = {"output": f"a shell at {secs}", "time_ns": self.at(secs)}
            found = alert(**(own | changes))
        return self.process.process(found, self.at(secs))

    def kinds(self, *times: float, **changes: Any) -> list[str]:
        """What the same alert is at these times."""
        return [self.see(secs, **changes).assessment.kind for secs in times]

    def due(self, secs: float) -> list[Outcome]:
        """The digests at that time."""
        return self.process.due(self.at(secs))

    def restart(self) -> None:
        """Go on with a new pipeline from what was written so far."""
        for name, value in self.process.changes():
            if value is None:
                self.state.pop(name, None)
            else:
                self.state[name] = value
        self.process = pipeline(self.lanes, **self.sections)
        self.process.restore(list(self.state.items()))

    @staticmethod
    def at(secs: float) -> int:
        return START + int(secs * NS)
