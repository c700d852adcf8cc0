"""An alert as text for people: its title, its fields, one short line; safe to show anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from sidekick.document import Document, Note

KEY_FIELDS = (
    "k8s.ns.name",
    "k8s.pod.name",
    "container.name",
    "container.image.repository",
    "user.name",
    "proc.name",
    "proc.cmdline",
    "fd.name",
    "ka.user.name",
    "ka.verb",
    "ka.target.name",
)
"""The fields that tell most about an alert, in the order in which they are shown."""

# Also what reorders or breaks a line without being a control character: a process can be named so.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FALCO_PREFIX = re.compile(
    r"\d\d:\d\d:\d\d\.\d+: "
    r"(?:Emergency|Alert|Critical|Error|Warning|Notice|Informational|Debug) ",
    re.IGNORECASE,
)
_encode = msgspec.json.Encoder().encode


def plain(text: str) -> str:
    """The text with whatever could steer a terminal or hide in a line written as an escape."""
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char) or (f"\\x{ord(char):02x}" if char < "\x80" else f"\\u{ord(char):04x}")


def clip(text: str, limit: int) -> str:
    """At most ``limit`` characters; what is cut ends in an ellipsis."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def clip_bytes(text: str, limit: int) -> bytes:
    """The text in UTF-8, at most ``limit`` bytes, no character cut in two."""
    whole = text.encode(errors="backslashreplace")
    if len(whole) <= limit:
        return whole
    cut = whole[: max(0, limit - 3)].decode(errors="ignore")
    return (cut + "…").encode()[: max(0, limit)]


def value_text(value: Any) -> str:
    """A field's value: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _encode(value).decode()


def field_value(found: Document, name: str) -> str:
    """The text of ``alert.rule`` and its like or of an output field; "" if it has none."""
    if name.startswith("alert."):
        return _own_value(found, name.removeprefix("alert."))
    value = found.output_fields.get(name)
    return "" if value is None else value_text(value)


def _own_value(found: Document, name: str) -> str:
    if name in ("rule", "priority", "source", "hostname", "output", "time"):
        return str(getattr(found, name))
    if name == "tags":
        return ",".join(found.tags)
    if name == "score" and found.sidekick is not None:
        return str(found.sidekick.score)
    return ""


def output(found: Document) -> str:
    """What happened: Falco's output without the time and priority that it starts with."""
    return _FALCO_PREFIX.sub("", found.output, count=1)


def title(found: Document) -> str:
    """For example "Notice: Terminal shell in container"."""
    return f"{found.priority}: {found.rule}"


def facts(found: Document, limit: int, left_out: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The output fields that have a value, the telling ones first, at most ``limit``."""
    fields = found.output_fields
    out: list[tuple[str, str]] = []
    others = sorted(fields.keys() - set(KEY_FIELDS) - set(left_out))
    for name in (*KEY_FIELDS, *others):
        value = fields.get(name)
        if value is None or value == "" or value == "<NA>" or name.startswith("evt.time"):
            continue
        if len(out) == limit:
            break
        out.append((name, value_text(value)))
    return out


def reasons(note: Note | None) -> str:
    """For example "priority +30 (Notice), asset +12 (namespace prod)"."""
    parts = note.parts if note else ()
    return ", ".join(f"{p.name} {p.points:+g} ({p.why})" for p in parts)


def history(note: Note | None) -> str:
    """What an alert that is not the first of its kind says of the others; "" for the first."""
    if note is None or note.kind == "first":
        return ""
    times = "once" if note.count == 1 else f"{note.count} times"
    span = f"{clock(note.first_seen)} to {clock(note.last_seen)}"
    word = {"digest": "in all", "reminder": "so far"}.get(note.kind, "")
    return f"seen {times} {word}, {span}".replace(" ,", ",")


def clock(time_ns: int) -> str:
    """For example "2023-11-14 22:13:20Z"."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def rfc3339(time_ns: int) -> str:
    """For example "2023-11-14T22:13:20.000000001Z"."""
    secs, ns = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(secs, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"


def line(found: Document) -> str:
    """Rule, telling fields and output on one safe line."""
    known = [(name, text) for name in KEY_FIELDS[:6] if (text := field_value(found, name))]
    fields = " ".join(f"{name}={clip(text, 80)}" for name, text in known if text != "<NA>")
    texts = (found.rule, fields, history(found.sidekick), output(found))
    return " | ".join(plain(text) for text in texts if text)
