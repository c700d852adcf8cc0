"""An alert as one line for a person."""

from __future__ import annotations

import re

import click

from sidekick.cli._text import coloured, safe
from sidekick.document import Document

_FRACTION = re.compile(r"\.\d+(?=Z|[+-]|$)")
_PREFIX = re.compile(r"^\d\d:\d\d:\d\d\.\d+: (?:\w+ )?")
"""What Falco puts before its output: the time of day and the priority, which we show already."""


def alert_line(found: Document) -> str:
    """Time, priority, score, rule, what happened, and what was found out; coloured."""
    note = found.sidekick
    words = [
        _FRACTION.sub("", safe(found.time)),
        coloured(f"{safe(found.priority):<13}"),
        f"{note.score if note else 0:>3}",
        click.style(safe(found.rule), bold=True) + ":",
        safe(_PREFIX.sub("", found.output)),
    ]
    return " ".join(filter(None, [*words, click.style(_remarks(found), dim=True)]))


def _remarks(found: Document) -> str:
    note = found.sidekick
    remarks = [f"host {safe(found.hostname)}"] if found.hostname else []
    if note is not None and note.kind != "first":
        remarks.append(note.kind)
    if note is not None and note.count > 1:
        remarks.append(f"{note.count:,} times")
    if note is not None and note.silenced_by:
        remarks.append(f"silenced by {safe(note.silenced_by)}")
    return f"[{', '.join(remarks)}]" if remarks else ""
