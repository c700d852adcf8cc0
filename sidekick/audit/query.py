"""A parameter of a request URI, as Go's net/url reads it."""

from __future__ import annotations

import re

_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_ESCAPE = re.compile(rb"%([0-9a-fA-F]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def parameter(uri: str, name: str) -> str | None:
    """The first value of a parameter; None if it has none, or if the URI is not valid.

    One parameter with a semicolon or a broken escape makes all of them invalid, as in Go.
    """
    head, _, query = uri.partition("#")[0].partition("?")
    if _CONTROL.search(uri) or _BAD_ESCAPE.search(head):
        return None
    if ";" in query or _BAD_ESCAPE.search(query):
        return None
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if pair and _unescaped(key) == name:
            return _unescaped(value)
    return None


def _unescaped(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    data = text.replace("+", " ").encode("utf-8", "surrogatepass")
    plain = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), data)
    return plain.decode("utf-8", "surrogateescape")
