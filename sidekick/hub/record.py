"""What conditions read of the documents in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidekick import document
from sidekick.pipeline.view import AlertView


def record_of(body: bytes) -> Mapping[str, Any]:
    """What conditions read of a document."""
    found = document.read(body)
    score = found.sidekick.score if found.sidekick is not None else 0
    return AlertView(document.alert_of(found), score=score)
