"""Syslog."""

from __future__ import annotations

from sidekick.compat.key import Key, Output, lower
from sidekick.compat.outputs._common import MINIMUM_PRIORITY

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
            convert=lambda text: "cef" if text.lower() == "cef" else "json",
            written=True,
        ),
        MINIMUM_PRIORITY,
    ),
)
