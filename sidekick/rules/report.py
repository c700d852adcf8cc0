"""An event that a rule matched becomes an alert, written as Falco writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from sidekick.model import COUNT, Alert
from sidekick.rules.append import Appended
from sidekick.rules.line import message
from sidekick.rules.ruleset import Rule
from sidekick.rules.times import clock, iso8601, rfc3339

_SURROGATE = re.compile("[\ud800-\udfff]")
_encode = msgspec.json.Encoder(order="sorted").encode


class Reporter:
    """Writes the alerts of one rule. ``keys`` are the fields that it reads."""

    def __init__(self, rule: Rule, output: Appended, hostname: str, iso: bool) -> None:
        self.keys = output.keys
        self._rule = rule
        self._output = output
        self._hostname = hostname
        self._stamp, self._time_key = (iso8601, "evt.time.iso8601") if iso else (clock, "evt.time")

    def again(self, alert: Alert, count: int, time_ns: int) -> Alert:
        """An alert that stands for so many more like one of this rule, the last at that time."""
        fields_json = _json({**alert.fields, COUNT: count, self._time_key: time_ns})
        text = f"{message(alert)} evt_count={count}"
        return msgspec.structs.replace(
            alert,
            time=rfc3339(time_ns),
            time_ns=time_ns,
            fields=msgspec.json.decode(fields_json),
            fields_json=fields_json,
            output=f"{self._stamp(time_ns)}: {alert.priority.label} {text}",
        )

    def report(self, event: Mapping[str, Any], time_ns: int) -> Alert:
        """The alert for an event: its record, with what every event has."""
        rule = self._rule
        text, fields = self._output.format(event)
        fields[self._time_key] = time_ns
        text = _printable(text)
        fields_json = _json(fields)
        return Alert(
            rule=rule.name,
            priority=rule.priority,
            source=rule.source,
            time=rfc3339(time_ns),
            time_ns=time_ns,
            fields=msgspec.json.decode(fields_json),
            fields_json=fields_json,
            output=f"{self._stamp(time_ns)}: {rule.priority.label} {text}",
            hostname=self._hostname,
            tags=rule.tags,
        )


def _json(fields: Mapping[str, Any]) -> bytes:
    try:
        return _encode(fields)
    except (UnicodeEncodeError, TypeError):
        return _encode(_clean(fields))


def _clean(value: Any) -> Any:
    """The same with U+FFFD for what is no UTF-8, and as text what JSON has no form for."""
    match value:
        case None | int() | float():
            return value
        case str():
            return _printable(value)
        case dict():
            return {_printable(str(name)): _clean(part) for name, part in value.items()}
        case list() | tuple():
            return [_clean(part) for part in value]
    return _printable(str(value))


def _printable(text: str) -> str:
    """Bytes that were no UTF-8 came as surrogates; they cannot be written."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
