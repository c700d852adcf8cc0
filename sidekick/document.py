"""The JSON document of an alert: what the log keeps and the sinks send.

Falco's keys as they came (``output_fields`` to the letter), ``uuid``, and one key of our own:

    {"uuid", "output", "priority", "rule", "time", "output_fields", "source", "tags", "hostname",
     "sidekick": {"fingerprint", "kind", "count", "first_seen", "last_seen", "score",
                  "parts": [{"name", "points", "why"}], "routes", "silenced_by"}}

``tags``, ``hostname``, and the empty ones of ``parts``, ``routes``, ``silenced_by`` are left out
when empty. ``first_seen`` and ``last_seen`` are ns since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from sidekick.model import Alert, Assessment, Part, Priority


class Note(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The key ``sidekick`` of a document."""

    fingerprint: str
    kind: str
    count: int
    first_seen: int
    last_seen: int
    score: int
    parts: tuple[Part, ...] = ()
    routes: tuple[str, ...] = ()
    silenced_by: str = ""


class Document(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A decoded document; ``output_fields`` is decoded with it."""

    uuid: str
    output: str
    priority: str
    rule: str
    time: str
    output_fields: dict[str, Any]
    source: str
    tags: tuple[str, ...] = ()
    hostname: str = ""
    sidekick: Note | None = None


class Written(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A document whose ``output_fields`` are left as the JSON text that the sender wrote."""

    uuid: str
    output: str
    priority: str
    rule: str
    time: str
    output_fields: msgspec.Raw
    source: str
    tags: tuple[str, ...] = ()
    hostname: str = ""
    sidekick: Note | None = None


_NOTE = b',"sidekick":{"fingerprint":"'  # within a text the quotes would be escaped
_TIME = b'","time":"'
_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Document)
_raw_decoder = msgspec.json.Decoder(Written)
FalcoProperty = Literal["output", "tags", "message", "output_fields"]
"""What Falco's ``json_include_..._property`` adds to a line of JSON or leaves out."""

FALCO_PROPERTIES: tuple[FalcoProperty, ...] = ("output", "tags", "output_fields")
"""Those of a Falco that was not told otherwise."""

_OPTIONAL = frozenset({*FALCO_PROPERTIES, "message"})
_LABELS = {p: p.label for p in Priority}


def write(uuid: str, alert: Alert, a: Assessment) -> bytes:
    """The document as compact JSON without a newline."""
    note = Note(
        a.fingerprint,
        a.kind,
        a.count,
        a.first_seen_ns,
        a.last_seen_ns,
        a.score,
        a.parts,
        a.routes,
        a.silenced_by,
    )
    return _encode(
        Written(
            uuid,
            alert.output,
            _LABELS[alert.priority],
            alert.rule,
            alert.time,
            msgspec.Raw(alert.fields_json),
            alert.source,
            alert.tags,
            alert.hostname,
            note,
        )
    )


def without_note(body: bytes) -> bytes:
    """The document of ``write`` without its key ``sidekick``."""
    return body[: body.rindex(_NOTE)] + b"}"


def time_of(body: bytes) -> bytes:
    """The ``time`` of a document, whose keys are in the order of ``write``."""
    start = body.index(_TIME) + len(_TIME)
    return body[start : body.index(b'"', start)]


def read(body: bytes) -> Document:
    """The document of ``write``; raises ``msgspec.DecodeError`` for anything else."""
    return _decoder.decode(body)


def read_raw(body: bytes) -> Written:
    """The document of ``write``, its fields as text; raises ``msgspec.DecodeError``."""
    return _raw_decoder.decode(body)


def alert_of(found: Document, fields_json: bytes = b"{}", time_ns: int = 0) -> Alert:
    """The alert that a document describes; ``fields_json`` as ``fields_text`` gives it."""
    return Alert(
        rule=found.rule,
        priority=Priority.parse(found.priority) or Priority.DEBUG,
        source=found.source,
        time=found.time,
        time_ns=time_ns,
        fields=found.output_fields,
        fields_json=fields_json,
        output=found.output,
        hostname=found.hostname,
        tags=found.tags,
    )


def fields_text(body: bytes) -> bytes:
    """The ``output_fields`` of a document as the exact JSON text that the sender wrote."""
    return bytes(_raw_decoder.decode(body).output_fields)


def as_falco(body: bytes, properties: Collection[str] = FALCO_PROPERTIES) -> bytes:
    """A document as Falco writes an alert: its own keys alone, sorted.

    Those that may be missing, or added, are there if they are among ``properties``.
    """
    found = _raw_decoder.decode(body)
    line: dict[str, Any] = {
        "hostname": found.hostname,
        "message": message(found.output, found.priority),
        "output": found.output,
        "output_fields": found.output_fields,
        "priority": found.priority,
        "rule": found.rule,
        "source": found.source,
        "tags": found.tags,
        "time": found.time,
    }
    for name in _OPTIONAL.difference(properties):
        del line[name]
    return _encode(line)


def as_falco_text(body: bytes) -> bytes:
    """A document as the line that Falco prints for people: what could steer a terminal is
    escaped."""
    return printed(_raw_decoder.decode(body).output)


def printed(output: str) -> bytes:
    """An output on one line."""
    return _encode(output)[1:-1].replace(b"\x7f", b"\\u007f")


def message(output: str, priority: str) -> str:
    """The output without the time and the priority before it."""
    before, label, rest = output.partition(f": {priority} ")
    return rest if label and before.isascii() else output
