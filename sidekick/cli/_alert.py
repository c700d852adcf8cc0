"""An alert as one line for a person."""

from __future__ import annotations

import re
from typing import Any

import click
import msgspec

from sidekick import document
from sidekick.cli._text import coloured, counted, safe
from sidekick.document import Document, Note
from sidekick.hub.view import Entry
from sidekick.web.moment import print_moment

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
    remarks = _remarks(found)
    return " ".join(filter(None, [*words, click.style(remarks, dim=True) if remarks else ""]))


def alert_lines(entry: Entry) -> list[str]:
    """The line of an alert, and below it all that is known of it; coloured."""
    found = document.read(bytes(entry.document))
    facts = [("id", entry.id), ("source", found.source), ("tags", ", ".join(found.tags))]
    note = found.sidekick
    if note is not None:
        facts += [("fingerprint", note.fingerprint), ("seen", _seen(note))]
        facts += [("score", f"{note.score}")]
        facts += [("", f"{part.points:+g} {part.name}: {part.why}") for part in note.parts]
        facts += [("routes", ", ".join(note.routes)), ("silenced by", note.silenced_by)]
    facts += [("lanes", ", ".join(entry.lanes) or "none"), ("fields", "")]
    facts += [("", f"{name} = {_value(value)}") for name, value in found.output_fields.items()]
    shown = [(name, text) for name, text in facts if text or name == "fields"]
    return [alert_line(found), *(f"  {name:<11}  {safe(text)}".rstrip() for name, text in shown)]


def _seen(note: Note) -> str:
    first, last = print_moment(note.first_seen), print_moment(note.last_seen)
    return f"{counted(note.count, 'time')}, first {first}, last {last}; this is a {note.kind}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


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
