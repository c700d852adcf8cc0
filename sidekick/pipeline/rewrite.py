"""What the sinks get otherwise than the sender wrote it: names of fields, the form of outputs.

It is the last stage: conditions and deduplication see what the sender wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from pydantic import Field

from sidekick.model import Alert
from sidekick.section import Section

_FALCO_OUTPUT = re.compile(
    r"[0-9:]+\.[0-9]+: (?:debug|informational|notice|warning|error|critical|alert|emergency) .*",
    re.IGNORECASE,
)
_TOKEN = re.compile("<(?:timestamp|priority|output|custom_fields|templated_fields|tags)>")
_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class RewriteConfig(Section):
    """Names of fields and outputs in another form, for receivers that want it."""

    brackets: str = Field("", pattern=r"^[^\[\]]{0,16}$")
    """What stands for `[` in the names of output fields, `]` is dropped: with `_`, `proc.aname[2]`
    is `proc.aname_2`. Empty: they stay."""
    output: str = Field("", max_length=4096)
    """The form of an output that begins with Falco's time and priority, made of `<timestamp>`,
    `<priority>`, `<output>` (the rest), `<custom_fields>`, `<templated_fields>`, `<tags>`.
    Empty: outputs stay."""
    custom_fields: tuple[str, ...] = ()
    """The output fields that `<custom_fields>` tells, as `name=value`."""
    templated_fields: tuple[str, ...] = ()
    """The output fields that `<templated_fields>` tells."""


class Rewrite:
    """Rewrites alerts; ``active`` says whether there is anything to do."""

    def __init__(self, config: RewriteConfig) -> None:
        self._config = config
        self.active = bool(config.brackets or config.output)

    def rewrite(self, alert: Alert) -> Alert:
        """The alert in its new form; itself if nothing changes."""
        changes: dict[str, Any] = {}
        if self._config.output and _FALCO_OUTPUT.search(alert.output):
            changes["output"] = self._output(alert)
        if self._config.brackets and any("[" in name for name in alert.fields):
            names = self._names(alert.fields)
            members = _members(alert.fields_json)
            changes["fields"] = {names[name]: value for name, value in alert.fields.items()}
            changes["fields_json"] = _encode({names[name]: raw for name, raw in members.items()})
            changes["plain"] = False
        return msgspec.structs.replace(alert, **changes) if changes else alert

    def _names(self, fields: Iterable[str]) -> dict[str, str]:
        """Old names to new ones; a name that another field has is not taken from it."""
        names = {name: name for name in fields}
        for name in [name for name in names if "[" in name]:
            plain = name.replace("]", "").replace("[", self._config.brackets)
            if plain not in names.values():
                names[name] = plain
        return names

    def _output(self, alert: Alert) -> str:
        words = alert.output.split(" ")
        if len(words) < 3:
            return alert.output
        told = {
            "<timestamp>": words[0].removesuffix(":"),
            "<priority>": alert.priority.label,
            "<output>": " ".join(words[2:]),
            "<custom_fields>": _pairs(alert.fields, self._config.custom_fields),
            "<templated_fields>": _pairs(alert.fields, self._config.templated_fields),
            "<tags>": ",".join(sorted(alert.tags)),
        }
        text = _TOKEN.sub(lambda match: told[match[0]], self._config.output)
        for end in (" ", "( )", "()", " "):
            text = text.removesuffix(end)
        return text


def _pairs(fields: Mapping[str, Any], names: Iterable[str]) -> str:
    found = ((name, fields.get(name)) for name in names)
    return " ".join(f"{name}={_text(value)}" for name, value in found if value is not None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()
