"""The alert as falcosidekick has it, and its canonical JSON: what most of its outputs send.

Keys in this order, ``tags`` and ``hostname`` only if there are any; numbers keep their digits:

    {"uuid", "output", "priority", "rule", "time", "output_fields", "source", "tags", "hostname"}

Where that is longer than 4,096 bytes, each text of more than 512 bytes among the fields is cut, in
``output`` too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from sidekick import document, go_json, rfc3339
from sidekick.go_json import Value
from sidekick.model import Envelope

_LONG = 4096
_LONG_FIELD = 512
_KEPT = 507
_CUT = "[...]"
_TEST_RULE = "Test rule"  # whoever sends it
_TEST_RULE_TEXT = _TEST_RULE.encode()
_NANOSECONDS = re.compile(rb".{19}\.\d{8}[1-9]Z").fullmatch


class Payload(msgspec.Struct, gc=False):
    """An alert; ``fields`` and ``tags`` are sorted, ``time`` is as Go writes it.

    ``json`` is its canonical JSON, without a newline.
    """

    uuid: str
    output: str
    priority: str
    rule: str
    time: str
    fields: dict[str, Value]
    source: str
    tags: list[str]
    hostname: str
    json: bytes = b""


def payload(envelope: Envelope, name: Callable[[str], str] | None = None) -> Payload:
    """The alert of a document of ours (see ``sidekick.document``); ``name`` renames fields.

    Lanes that tell of the same alert at about the same time share it: nobody may change it.
    """
    body = envelope.body
    if name is None and len(body) <= _LONG:
        return _shared(body, envelope.plain)
    return _made(body, name)


def canonical(envelope: Envelope) -> bytes:
    """The ``json`` of the ``payload`` alone."""
    return (envelope.plain and _as_it_stands(envelope.body)) or payload(envelope).json


@lru_cache(maxsize=1024)  # two batches of Elasticsearch or Loki, which come last
def _shared(body: bytes, plain: bool) -> Payload:
    json = _as_it_stands(body) if plain else None
    if json is None:
        return _made(body, None)
    found = document.read(body)
    return Payload(
        found.uuid,
        found.output,
        found.priority,
        found.rule,
        found.time,
        found.output_fields,
        found.source,
        list(found.tags),
        found.hostname,
        json,
    )


def _as_it_stands(body: bytes) -> bytes | None:
    """The canonical JSON at the beginning of a plain document; None where it differs in more than
    escapes."""
    if len(body) > _LONG or _TEST_RULE_TEXT in body or not _NANOSECONDS(document.time_of(body)):
        return None
    json = go_json.escaped(document.without_note(body))
    return json if len(json) <= _LONG else None


def _made(body: bytes, name: Callable[[str], str] | None) -> Payload:
    found = document.read_raw(body)
    fields = go_json.ordered(bytes(found.output_fields))
    if name is not None:
        renamed = {name(field): value for field, value in fields.items()}
        fields = {field: renamed[field] for field in sorted(renamed)}
    alert = Payload(
        found.uuid,
        found.output,
        found.priority,
        found.rule,
        rfc3339.as_go(found.time),
        fields,
        "internal" if found.rule == _TEST_RULE else found.source,
        sorted(found.tags),
        found.hostname,
    )
    alert.json = _written(alert)
    if len(alert.json) > _LONG:
        _shorten(alert)
        alert.json = _written(alert)
    return alert


def _written(alert: Payload) -> bytes:
    known: dict[str, object] = {
        "uuid": alert.uuid,
        "output": alert.output,
        "priority": alert.priority,
        "rule": alert.rule,
        "time": alert.time,
        "output_fields": alert.fields,
        "source": alert.source,
    }
    if alert.tags:
        known["tags"] = alert.tags
    if alert.hostname:
        known["hostname"] = alert.hostname
    return go_json.encode(known)


def _shorten(alert: Payload) -> None:
    for name, value in alert.fields.items():
        if not isinstance(value, str) or len(whole := value.encode()) <= _LONG_FIELD:
            continue
        # falcosidekick counts bytes: what it leaves of a character in two is told as U+FFFD.
        short = whole[:_KEPT].decode(errors="surrogateescape") + _CUT
        alert.fields[name] = short
        alert.output = alert.output.replace(value, short)
