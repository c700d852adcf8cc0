"""``glob`` and ``iglob``: C's ``fnmatch(pattern, value, 0)``, in time linear in the value.

``*`` and ``?`` match ``/`` and a leading dot; ``[!a-z]``, ``[^a-z]`` and ``[[:digit:]]`` are
classes; a backslash takes the next character as it is; a pattern that ends with one never matches.
Each piece after a ``*`` is taken at its first occurrence and never again (an atomic group): what a
later occurrence could match, the next ``*`` matches as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": " \\t\\n\\r\\f\\v",
    "blank": " \\t",
    "punct": "!-/:-@\\[-`{-~",
    "print": " -~",
    "graph": "!-~",
    "cntrl": "\\x00-\\x1f\\x7f",
    "xdigit": "0-9A-Fa-f",
}
_NEVER = r"(?!)"


@lru_cache(1024)
def matcher(pattern: str, fold_case: bool = False) -> Callable[[str], object]:
    """A function that is truthy for the texts that the pattern matches as a whole."""
    flags = re.DOTALL | re.ASCII | (re.IGNORECASE if fold_case else 0)
    return re.compile(_translate(pattern), flags).fullmatch


def plain(pattern: str) -> tuple[str, str] | None:
    """An operator and a text that mean the same as the pattern, if it is that simple."""
    core = pattern.strip("*")
    if re.search(r"[*?[\\]", core) or not core:
        return None
    starred = (pattern.startswith("*"), pattern.endswith("*"))
    return _PLAIN[starred], core


_PLAIN = {
    (False, False): "=",
    (False, True): "startswith",
    (True, False): "endswith",
    (True, True): "contains",
}


def _translate(pattern: str) -> str:
    pieces = [""]
    at = 0
    while at < len(pattern):
        if pattern[at] == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
            at += 1
        else:
            code, at = _one(pattern, at)
            pieces[-1] += code
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    return first + "".join(f"(?>.*?{piece})" for piece in middle) + ".*" + last


def _one(pattern: str, at: int) -> tuple[str, int]:
    """The regular expression of what stands at ``at``, and where the next begins."""
    character = pattern[at]
    if character == "?":
        return ".", at + 1
    if character == "\\":
        following = pattern[at + 1 : at + 2]
        return (re.escape(following), at + 2) if following else (_NEVER, at + 1)
    if character == "[" and (found := _bracket(pattern, at + 1)):
        return found
    return re.escape(character), at + 1


def _bracket(pattern: str, at: int) -> tuple[str, int] | None:
    """The class that opens before ``at``; None if it never closes: then "[" is itself."""
    negated = pattern[at : at + 1] in ("!", "^")
    start = at = at + negated
    members = ""
    while at < len(pattern):
        if pattern[at] == "]" and at > start:
            return _class(members, negated), at + 1
        found = _member(pattern, at)
        if found is None:
            return None
        members += found[0]
        at = found[1]
    return None


def _class(members: str, negated: bool) -> str:
    if members:
        return f"[{'^' if negated else ''}{members}]"
    return "." if negated else _NEVER


def _member(pattern: str, at: int) -> tuple[str, int] | None:
    named = re.compile(r"\[:([a-z]+):\]").match(pattern, at)
    if named:
        return _CLASSES.get(named[1], ""), named.end()
    low = _character(pattern, at)
    if low is None:
        return None
    if pattern[low[1] : low[1] + 1] == "-" and pattern[low[1] + 1 : low[1] + 2] not in ("]", ""):
        high = _character(pattern, low[1] + 1)
        if high is None:
            return None
        code = f"{_escaped(low[0])}-{_escaped(high[0])}" if low[0] <= high[0] else ""
        return code, high[1]
    return _escaped(low[0]), low[1]


def _character(pattern: str, at: int) -> tuple[str, int] | None:
    if special := re.compile(r"\[([.=])(.)\1\]", re.DOTALL).match(pattern, at):
        return special[2], special.end()
    if pattern[at] == "\\":
        return (pattern[at + 1], at + 2) if at + 1 < len(pattern) else None
    return pattern[at], at + 1


def _escaped(character: str) -> str:
    return "\\" + character if character in "\\]^-[&~|" else character
