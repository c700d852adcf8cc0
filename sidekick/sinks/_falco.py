"""Alerts as lines that Falco itself would write, for whoever reads its files and streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sidekick import document
from sidekick.document import FalcoProperty


def lines(properties: Sequence[FalcoProperty]) -> dict[str, Callable[[bytes], bytes]]:
    """By the name of a format: from a document to a line without its newline."""
    return {
        "json": lambda body: body,
        "falco": lambda body: document.as_falco(body, properties),
        "falco_text": document.as_falco_text,
    }
