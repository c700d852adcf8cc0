"""The pipeline's state in the log: a snapshot now and then, and what the log has since."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from sidekick import document
from sidekick.hub.archive import Archive
from sidekick.hub.writer import Writer
from sidekick.model import Alert, Outcome
from sidekick.pipeline.silence import Silences

log = logging.getLogger(__name__)

_SEQ_KEY = "hub:snapshot_seq"


class Pipeline(Protocol):
    """What the hub asks of the pipeline; all of it is synchronous.

    ``faults`` counts the stages that failed and were left out, ``last_fault`` says which and how.
    """

    faults: int
    last_fault: str

    @property
    def silences(self) -> Silences: ...
    def process(self, alert: Alert, now_ns: int) -> Outcome: ...
    def due(self, now_ns: int) -> list[Outcome]: ...
    def changes(self) -> list[tuple[str, bytes | None]]: ...
    def snapshot(self) -> list[tuple[str, bytes]]: ...
    def restore(self, items: Iterable[tuple[str, bytes]]) -> None: ...


def restore(process: Pipeline, archive: Archive) -> None:
    """Load the last snapshot, then let the pipeline see what came after it once more.

    What a damaged disk made unreadable is left out: it costs the memory of an alert, not the start.
    """
    state = dict(archive.state())
    last = state.pop(_SEQ_KEY, b"0")
    snapshot = int(last) if last.isdigit() else 0
    process.restore(state.items())
    for received_ns, time_ns, body in archive.since(snapshot):
        try:
            found = document.read(body)
        except ValueError:
            log.warning("an alert of the log cannot be read", extra={"received_ns": received_ns})
            continue
        if found.sidekick is None or found.sidekick.kind == "digest":
            continue
        process.due(received_ns)
        process.process(document.alert_of(found, document.fields_text(body), time_ns), received_ns)


def snapshot(process: Pipeline, writer: Writer, seq: int) -> None:
    """Write what changed; the pipeline has seen the alerts up to ``seq``."""
    changes = process.changes()
    if changes:
        writer.put_state([*changes, (_SEQ_KEY, str(seq).encode())])
