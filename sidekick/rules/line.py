"""Alerts of rules as Falco prints them: a line of JSON or of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from sidekick import document
from sidekick.model import Alert

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class JsonParts:
    """What a line of JSON has beside rule, priority, source, time and hostname.

    The names are those of Falco's ``json_include_..._property``, and so are the defaults.
    """

    output: bool = True
    tags: bool = True
    message: bool = False
    output_fields: bool = True


def json_line(alert: Alert, parts: JsonParts = JsonParts()) -> bytes:
    """The alert as one line of JSON without its newline; keys are sorted, as Falco has them."""
    line: dict[str, Any] = {
        "hostname": alert.hostname,
        "priority": alert.priority.label,
        "rule": alert.rule,
        "source": alert.source,
        "time": alert.time,
    }
    if parts.output:
        line["output"] = alert.output
    if parts.tags:
        line["tags"] = alert.tags
    if parts.message:
        line["message"] = message(alert)
    if parts.output_fields:
        line["output_fields"] = msgspec.Raw(alert.fields_json)
    return _encode(line)


def message(alert: Alert) -> str:
    """The output without the time and the priority before it."""
    return document.message(alert.output, alert.priority.label)


def text_line(alert: Alert) -> bytes:
    """The alert as Falco prints it for people: what could steer a terminal is escaped."""
    return document.printed(alert.output)
