"""falcosidekick's `messageformat`: a line of one's own above the alert, as a template of Go's."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from sidekick.go_template import Template
from sidekick.rfc3339 import spelled
from sidekick.sinks._falcosidekick.payload import Payload

log = logging.getLogger(__name__)

_FIELDS = (
    *("UUID", "Output", "Priority", "Rule", "Time"),
    *("OutputFields", "Source", "Tags", "Hostname"),
)


class MessageFormat:
    """The line of alerts; raises ``ValueError`` that says where the template is at fault."""

    def __init__(self, text: str) -> None:
        self._template = Template(text, _FIELDS)
        self._told = ""

    def line(self, alert: Payload) -> str:
        """The line, with Slack's escapes in what the alert says; none where the template fails,
        as in falcosidekick."""
        filled = self._template.run(_escaped(_data(alert)))
        if not filled.fault:
            return filled.text
        if filled.fault != self._told:
            self._told = filled.fault
            log.warning("message_format failed for an alert", extra={"error": filled.fault})
        return ""


def _data(alert: Payload) -> dict[str, Any]:
    return {
        "UUID": alert.uuid,
        "Output": alert.output,
        "Priority": alert.priority,
        "Rule": alert.rule,
        "Time": spelled(alert.time),
        "OutputFields": {name: _plain(value) for name, value in alert.fields.items()},
        "Source": alert.source,
        "Tags": alert.tags,
        "Hostname": alert.hostname,
    }


def _plain(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value
