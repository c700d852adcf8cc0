"""Syslog."""

from __future__ import annotations

from sidekick.compat.key import Key, Output
from sidekick.compat.outputs._common import MINIMUM_PRIORITY, lower

OUTPUT = Output(
    "syslog",
    "syslog",
    ("host",),
    (
        Key("host", "host"),
        Key("port", "port", convert=int),
        Key("protocol", "protocol", convert=lower, note="`tcp` when it is empty."),
        Key(
            "format",
            "message",
            default="json",
            convert=lambda text: "json" if text.lower() == "json" else "text",
            written=True,
            differs="`cef` is `text` with the fields as structured data.",
        ),
        MINIMUM_PRIORITY,
    ),
)
