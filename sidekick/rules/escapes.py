"""Escapes of quoted texts, read and written as Falco does."""

from __future__ import annotations

import re

from sidekick.errors import SidekickError

_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\\": "\\", "/": "/"}
# Old rule files wrote a backslash before a blank and meant the backslash.
_SIMPLE[" "] = "\\"
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|[^\0]|$)", re.DOTALL)
_WRITTEN = {
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\\": "\\\\",
    '"': '\\"',
    "\0": "\\x00",
}
_MUST_QUOTE = re.compile("[\b\f\n\r\t \\\\\"'=\0]")
_MUST_WRITE = re.compile('[\b\f\n\r\t\\\\"\0]')


class BadEscape(SidekickError):
    """An escape that does not exist; ``at`` is its index in the text between the quotes."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


def unescape(text: str, quote: str) -> str:
    """The meaning of ``text``, which stood between two ``quote`` marks; raises BadEscape."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: _meaning(match, quote), text)


def _meaning(match: re.Match[str], quote: str) -> str:
    code = match[1]
    if code in _SIMPLE:
        return _SIMPLE[code]
    if len(code) == 3:
        return chr(int(code[1:], 16))
    if code in ("'", '"'):
        if code == quote:
            return code
        raise BadEscape(f"invalid \\{code} escape in {quote}-quoted string", match.start())
    raise BadEscape(f"unsupported string escape sequence: \\{code}", match.start())


def escape(text: str) -> str:
    """``text`` as Falco prints it: quoted only where it holds a blank, a quote, ``=`` or ``\\``."""
    return quoted(text) if _MUST_QUOTE.search(text) else text


def quoted(text: str) -> str:
    """``text`` between double quotes."""
    return '"' + _MUST_WRITE.sub(lambda match: _WRITTEN[match[0]], text) + '"'


def readable(text: str) -> str:
    """``text`` between double quotes, such that it is read back as it was.

    A last backslash needs the old escape: a quote after ``\\\\`` would not close.
    """
    written = quoted(text)
    return f'{written[:-3]}\\ "' if text.endswith("\\") else written
