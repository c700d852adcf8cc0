"""A template's text as pieces: plain text, and actions as lists of tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

Kind = Literal["string", "number", "char", "field", "variable", "word", "sign"]

_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    |(?P<char>'(?:[^'\\\n]|\\.[^'\n]*)')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
        |(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?)(?![\w.]))
    |(?P<field>\.(?:[^\W\d]\w*)?)
    |(?P<variable>\$(?:[^\W\d]\w*)?)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>:=|[=|(),])""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"\{\{(?:-[ \t\r\n]+)?/\*.*?\*/(?:[ \t\r\n]+-)?\}\}", re.DOTALL)


class Token(msgspec.Struct, frozen=True):
    """A word of an action. ``apart``: there is a blank before it."""

    kind: Kind
    text: str
    place: str
    apart: bool


class Action(msgspec.Struct, frozen=True):
    """What stands between ``{{`` and ``}}``."""

    tokens: tuple[Token, ...]
    place: str


def pieces(text: str) -> Iterator[str | Action]:
    """Texts and actions in turn, blanks trimmed as ``{{-`` and ``-}}`` say; ``ValueError``."""
    at, trim = 0, False
    while (start := text.find("{{", at)) >= 0:
        trims_before = text[start + 2 : start + 3] == "-" and text[start + 3 : start + 4] in _WIDE
        plain = text[at:start].lstrip(_SPACE) if trim else text[at:start]
        yield plain.rstrip(_SPACE) if trims_before else plain
        if comment := _COMMENT.match(text, start):
            at, trim = comment.end(), comment[0].endswith("-}}")
            continue
        tokens, at, trim = _action(text, start, start + (3 if trims_before else 2))
        yield Action(tokens, place_of(text, start))
    yield text[at:].lstrip(_SPACE) if trim else text[at:]


_WIDE = frozenset(_SPACE)


def place_of(text: str, at: int) -> str:
    """ "line:column", from 1."""
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


def _action(text: str, start: int, at: int) -> tuple[tuple[Token, ...], int, bool]:
    """The tokens, where the text goes on, and whether blanks there are dropped."""
    tokens: list[Token] = []
    apart = False
    while True:
        if text.startswith("}}", at):
            return tuple(tokens), at + 2, False
        if apart and text.startswith("-}}", at):
            return tuple(tokens), at + 3, True
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(_reason(text, start, at))
        kind = found.lastgroup
        if kind == "space":
            apart = True
        else:
            tokens.append(Token(kind, found[0], place_of(text, at), apart))  # type: ignore[arg-type]
            apart = False
        at = found.end()


def _reason(text: str, start: int, at: int) -> str:
    if at >= len(text):
        return f'{place_of(text, start)}: "{{{{" without "}}}}"'
    if text[at] in "\"'`":
        return f"{place_of(text, at)}: a text that does not end"
    return f'{place_of(text, at)}: unexpected "{text[at]}"'
