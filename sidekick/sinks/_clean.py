"""Texts from outside made fit to be told: in errors, in logs, in the lane's last error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from sidekick.section import Secret

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HTML = re.compile(r"\s*<(!doctype html|html)\b", re.IGNORECASE)
_MARKUP = re.compile(r"<(style|script)\b.*?</\1>|<[^<>]*(>|$)", re.IGNORECASE | re.DOTALL)
"""Of a proxy's page, what a person would read."""
_PAGE = 4000
_SHORTEST_SECRET = 4
_LONGEST = 300


def cleaner(secrets: Iterable[str | Secret]) -> Callable[[str], str]:
    """A function that puts a text on one short line without any of the secrets."""
    plain = (s if isinstance(s, str) else s.get_secret_value() for s in secrets)
    hidden = sorted({s for s in plain if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "***")
        if _HTML.match(text):
            text = _MARKUP.sub(" ", text[:_PAGE])
        text = " ".join(_CONTROL.sub(" ", text).split())
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

    return clean
