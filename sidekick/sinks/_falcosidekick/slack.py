"""falcosidekick's Slack message: an attachment with a field for each text of the alert.

It is to the byte what falcosidekick sends but for one thing: ``&``, ``<`` and ``>`` in what the
alert says are written as Slack wants them. Slack shows the same, but a process that is named
``<!channel>`` calls nobody, and one named ``<https://...|a>`` makes no link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidekick import go_json, rfc3339
from sidekick.sinks._falcosidekick.payload import Payload

_SHORT = 36  # characters; from here on a field gets a line of its own
_COLORS = {
    "Emergency": "#e20b0b",
    "Alert": "#ff5400",
    "Critical": "#ff5400",
    "Error": "#e20b0b",
    "Warning": "#ffc700",
    "Notice": "#5bffb5",
    "Informational": "#68c2ff",
    "Debug": "#ccfff2",
}


def body(alert: Payload, content: str, footer: str, always: Mapping[str, str]) -> bytes:
    """The request; ``content`` is ``all``, ``text`` or ``fields``, ``always`` has the keys that
    stand before the attachment: text, username, icon_url, channel."""
    output = _escaped(alert.output)
    attachment: dict[str, Any] = {"fallback": output, "color": _COLORS[alert.priority]}
    if content != "fields" and output:
        attachment["text"] = output
    attachment["fields"] = None if content == "text" else _fields(alert)
    if content != "text" and footer:
        attachment["footer"] = footer
    return go_json.encode({**always, "attachments": [attachment]}) + b"\n"


def _fields(alert: Payload) -> list[dict[str, Any]]:
    own = [("rule", alert.rule), ("priority", alert.priority), ("source", alert.source)]
    if alert.hostname:
        own.append(("hostname", alert.hostname))
    if alert.tags:
        own.append(("tags", ", ".join(alert.tags)))
    texts = [(name, value) for name, value in alert.fields.items() if isinstance(value, str)]
    return [
        *(_field(name, value, True) for name, value in own),
        *(_field(name, value, len(value) < _SHORT) for name, value in texts),
        _field("time", rfc3339.spelled(alert.time), False),
    ]


def _field(title: str, value: str, short: bool) -> dict[str, Any]:
    return {"title": _escaped(title), "value": _escaped(value), "short": short}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
