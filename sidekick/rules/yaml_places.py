"""Where in a YAML text a character of a scalar's value stands.

A parser tells where a scalar starts, not where its 40th character is: folding and indentation took
blanks away. What is no blank is there still, in the same order, so both are walked side by side.
"""

from __future__ import annotations

import re

from sidekick.rules.yaml_tree import Mark

_PROPERTIES = re.compile(r"(?:[&!][^ \t\r\n]*[ \t\r\n]+)*")
_BLOCK = re.compile(r"[|>][^\n]*\n")
_LINE_END = re.compile(r"\r\n?|\n")


def place_in_scalar(text: str, start: Mark, value: str, offset: int) -> Mark:
    """The place of ``value[offset]`` in ``text``, where a scalar of that value starts."""
    head = _PROPERTIES.match(text, start.offset)
    at = head.end() if head else start.offset
    if block := _BLOCK.match(text, at):
        at = block.end()
    elif text[at : at + 1] in ("'", '"'):
        at += 1
    for word in value[:offset].split():
        for letter in word:
            found = text.find(letter, at)
            if found < 0:
                return start
            at = found + 1
    wanted = value[offset : offset + 1]
    if wanted and not wanted.isspace():
        found = text.find(wanted, at)
        at = found if found >= 0 else at
    return _mark_of(text, start, at)


def _mark_of(text: str, start: Mark, offset: int) -> Mark:
    """Line and column of an offset that is not before ``start``."""
    ends = [match.end() for match in _LINE_END.finditer(text, start.offset, offset)]
    if not ends:
        return Mark(start.line, start.column + offset - start.offset, offset)
    return Mark(start.line + len(ends), offset - ends[-1], offset)
