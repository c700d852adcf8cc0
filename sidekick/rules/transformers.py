"""Transformers: functions of fields, on either side of an operator.

Each takes and gives values as records hold them; a NULL among its arguments makes it NULL.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from sidekick.model import Priority

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_UPPER = {lower: upper for upper, lower in _LOWER.items()}


def lower(text: str) -> str:
    """``text`` with ASCII letters in lower case."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def upper(text: str) -> str:
    """``text`` with ASCII letters in upper case."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def basename(path: str) -> str:
    """What follows the last slash."""
    return path.rpartition("/")[2]


def decode_text(text: str) -> str | None:
    """The text that is base64 in ``text``, with or without padding; None if it is none."""
    decoded = decode_bytes(text.encode("utf-8", "surrogatepass"))
    return None if decoded is None else decoded.decode("utf-8", "surrogateescape")


def decode_bytes(data: bytes) -> bytes | None:
    """The bytes that are base64 in ``data``, with or without padding; None if they are none."""
    try:
        return base64.b64decode(
            data.rstrip(b"=") + b"=" * (-len(data.rstrip(b"=")) % 4), None, True
        )
    except (binascii.Error, ValueError):
        return None


def length(value: str | bytes | Sequence[Any]) -> int:
    """Bytes of a text or a buffer, values of a list."""
    if isinstance(value, str) and not value.isascii():
        return len(value.encode("utf-8", "surrogatepass"))
    return len(value)


def join(separator: str, values: Sequence[str]) -> str:
    """The texts with the separator between them."""
    return separator.join(values)


def concat(*values: str) -> str:
    """The texts, one after the other."""
    return "".join(values)


def getopt(arguments: str | Sequence[str], options: str, option: str) -> str | None:
    """The value of an option, as getopt(3) reads arguments; the last one if it is repeated.

    "" for an option that takes no value; None where it was not given.
    """
    words = arguments.split() if isinstance(arguments, str) else list(arguments)
    found: str | None = None
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            continue
        for index, letter in enumerate(word[1:], 1):
            if not _takes_value(letter, options):
                found = "" if letter == option else found
                continue
            value = word[index + 1 :]
            if not value and at < len(words):
                value = words[at]
                at += 1
            found = value if letter == option else found
            break
    return found


def _takes_value(letter: str, options: str) -> bool:
    place = options.find(letter)
    return letter != ":" and place >= 0 and options[place + 1 : place + 2] == ":"


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, NULL where one of its arguments is."""

    def transformed(*values: Any) -> Any:
        return None if None in values else function(*values)

    return transformed


def each(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same function for every value of a list; NULL where one of the results is."""

    def transformed(values: Any) -> Any:
        if values is None:
            return None
        results = [function(value) for value in values]
        return None if None in results else results

    return transformed


def rank(value: Any) -> int | None:
    """The rank of a priority, which may be given by name; None for anything else."""
    if isinstance(value, str):
        return Priority.parse(value)
    return value if isinstance(value, int) else None
