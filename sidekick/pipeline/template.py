"""Texts with `{field}` in them: the values of an alert's fields, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}|]+)(?:\|([^{}]*))?\}|[{}]")
_encode = msgspec.json.Encoder().encode


class Template:
    """A text such as ``{k8s.ns.name}/{k8s.pod.name|none}``; ``{{`` and ``}}`` are braces.

    ``|none`` is used where the alert has no such field. Values are inserted as they are: a number
    or list as JSON. Nothing in a value is read as a template.
    """

    __slots__ = ("_parts", "fields", "text")

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` with the column of a brace that belongs to nothing."""
        self.text = text
        self._parts: list[str | tuple[str, str | None]] = []
        at = 0
        for token in _TOKEN.finditer(text):
            self._parts.append(text[at : token.start()])
            self._parts.append(_part(token))
            at = token.end()
        self._parts.append(text[at:])
        self.fields = frozenset(part[0] for part in self._parts if isinstance(part, tuple))

    @property
    def constant(self) -> bool:
        """Whether the text is the same for every alert."""
        return not self.fields

    def fill(self, record: Mapping[str, Any]) -> str | None:
        """The text for this alert; None if a field without a stand-in has no value."""
        texts: list[str] = []
        for part in self._parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value = record[part[0]]
            if value is None or value == "":
                value = part[1]
            if value is None:
                return None
            texts.append(value if isinstance(value, str) else _encode(value).decode())
        return "".join(texts)


def _part(token: re.Match[str]) -> str | tuple[str, str | None]:
    if token[1] is not None:
        return token[1].strip(), token[2]
    if token[0] in ("{{", "}}"):
        return token[0][0]
    raise ValueError(
        f'column {token.start() + 1}: wanted {{field}} or {{field|otherwise}}, found "{token[0]}"; '
        f'write "{token[0] * 2}" for the brace itself'
    )
