"""Constants as Go writes them."""

from __future__ import annotations

import re

from sidekick.go_template.lexer import Token
from sidekick.go_template.printing import Float, Whole

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)
_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SHORT |= {sign: sign for sign in "\\'\""}


def value(token: Token) -> str | int | float:
    """What the token stands for; raises ``ValueError`` with its place."""
    try:
        if token.kind == "number":
            return _number(token.text)
        if token.text[0] == "`":
            return token.text[1:-1].replace("\r", "")
        text = _ESCAPE.sub(_unescaped, token.text[1:-1])
        return Whole(ord(text)) if token.kind == "char" else text
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{token.place}: not a constant of Go's: {token.text[:40]}") from error


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    try:
        # A leading zero is octal, as in Go and not in Python.
        octal = re.fullmatch(r"([+-]?)0([0-7]+)", plain)
        return Whole(f"{octal[1]}{octal[2]}", 8) if octal else Whole(plain, 0)
    except ValueError:
        return Float(plain)


def _unescaped(found: re.Match[str]) -> str:
    for digits, base in ((found[1], 16), (found[2], 16), (found[3], 16), (found[4], 8)):
        if digits:
            return chr(int(digits, base))
    return _SHORT[found[5]] if found[5] in _SHORT else _refuse(found[0])


def _refuse(text: str) -> str:
    raise ValueError(text)
