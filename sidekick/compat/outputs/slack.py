"""Slack: an incoming webhook."""

from __future__ import annotations

from sidekick.compat.key import Key, Output
from sidekick.compat.outputs._common import IN_FLIGHT, http

_PICTURE = "https://raw.githubusercontent.com/falcosecurity/falcosidekick/master/imgs/"

OUTPUT = Output(
    "slack",
    "slack",
    ("webhookurl",),
    (
        Key("webhookurl", "webhook_url", secret=True),
        Key("channel", "channel"),
        Key(
            "footer",
            "footer",
            default="https://github.com/falcosecurity/falcosidekick",
            written=True,
        ),
        Key("icon", "icon", default=f"{_PICTURE}falcosidekick_color.png", written=True),
        Key("username", "username", default="Falcosidekick", written=True),
        Key("outputformat", "content", default="all"),
        Key("messageformat", "message_format"),
        *http(one_by_one=True, headers=False),
    ),
    (
        ("pace", 0, "only Slack's own answers slow it down, as with falcosidekick"),
        ("lane.concurrency", IN_FLIGHT, "falcosidekick's 1 would let a slow answer hold up all"),
    ),
)
