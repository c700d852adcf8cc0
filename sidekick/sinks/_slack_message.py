"""An alert as a Slack message, within Slack's limits.

The limits are those of docs.slack.dev, reference/block-kit/blocks: 3,000 characters of text in a
section, 10 fields of 2,000 characters, 10 elements in a context, 50 blocks.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from sidekick.document import Document
from sidekick.model import Priority
from sidekick.sinks import _render as render

Message = dict[str, Any]
Content = Literal["all", "text", "fields"]

_SPECIAL = re.compile("[&<>]")
_TEXT_CHARACTERS = 3000
_FIELD_CHARACTERS = 500
_FIELDS_A_SECTION = 10
_CONTEXT_CHARACTERS = 1000

# falcosidekick's colours: channels look as before.
_COLORS = {
    Priority.EMERGENCY: "#e20b0b",
    Priority.ALERT: "#ff5400",
    Priority.CRITICAL: "#ff5400",
    Priority.ERROR: "#e20b0b",
    Priority.WARNING: "#ffc700",
    Priority.NOTICE: "#5bffb5",
    Priority.INFORMATIONAL: "#68c2ff",
    Priority.DEBUG: "#ccfff2",
}


class Style(msgspec.Struct, frozen=True):
    """How messages look; ``always`` has keys that every message gets."""

    content: Content = "all"
    max_fields: int = 10
    footer: str = ""
    always: Message = {}


def message(found: Document, priority: Priority, style: Style) -> Message:
    """The message in Slack's keys: a headline, and beneath it blocks in the priority's colour."""
    blocks = []
    if style.content != "fields":
        text = escape(render.output(found), _TEXT_CHARACTERS)
        if text:
            blocks.append({"type": "section", "text": _mrkdwn(text)})
    if style.content != "text":
        blocks += _fields(found, style.max_fields)
    blocks.append(_context(found, style.footer))
    return {
        "text": headline(found),
        "attachments": [{"color": _COLORS[priority], "blocks": blocks}],
        **style.always,
    }


def headline(found: Document) -> str:
    """For example "*Notice* · Terminal shell in container · score 42"; also the notification."""
    texts = [f"*{escape(found.priority, 20)}*", escape(found.rule, 250)]
    if found.sidekick is not None:
        texts.append(f"score {found.sidekick.score}")
    history = render.history(found.sidekick)
    return " · ".join([*texts, history] if history else texts)


def _fields(found: Document, limit: int) -> list[Message]:
    facts = [("source", found.source), ("hostname", found.hostname)]
    facts += [("tags", ", ".join(found.tags)), *render.facts(found, limit)]
    shown = [_mrkdwn(_field(name, value)) for name, value in facts if value]
    return [
        {"type": "section", "fields": shown[at : at + _FIELDS_A_SECTION]}
        for at in range(0, len(shown), _FIELDS_A_SECTION)
    ]


def _field(name: str, value: str) -> str:
    return f"*{escape(name, 100)}*\n{escape(value, _FIELD_CHARACTERS)}"


def _context(found: Document, footer: str) -> Message:
    """Time, why this score, and the id under which the log finds the alert."""
    texts = [render.plain(found.time), render.reasons(found.sidekick), found.uuid, footer]
    return {
        "type": "context",
        "elements": [_mrkdwn(escape(text, _CONTEXT_CHARACTERS)) for text in texts if text],
    }


def _mrkdwn(text: str) -> Message:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def escape(text: str, limit: int) -> str:
    """Text that Slack shows as it is: no mention, no link, no formatting that an attacker chose.

    At most ``limit`` characters as Slack counts them, escapes included; no escape is cut.
    """
    if len(text) <= limit and text.isprintable() and not _SPECIAL.search(text):
        return text
    safe = _without_controls(text[:limit])
    whole = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(whole) <= limit and len(text) <= limit:
        return whole
    cut = whole[: limit - 1]
    start = cut.rfind("&")
    if start >= 0 and ";" not in cut[start:]:
        cut = cut[:start]
    return cut + "…"


def _without_controls(text: str) -> str:
    return "\n".join(render.plain(line) for line in text.split("\n"))
