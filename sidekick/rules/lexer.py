"""The tokens of the condition language, taken one by one from a place in the text.

Falco's grammar has no separate stage of tokens: what a character means depends on what the parser
expects there. Each pattern takes the longest match, in linear time (possessive repeats).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from sidekick.errors import ConditionError
from sidekick.rules.ast import Place
from sidekick.rules.escapes import BadEscape, unescape

_SPACE = r" \t\n\r\f\v"
BLANK = re.compile(r"[ \t\b\r\n]++")
NOT = re.compile(f"not[{_SPACE}]++")
IDENTIFIER = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*+")
FIELD_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*+(?:\.[a-zA-Z][a-zA-Z0-9_]*+)++")
FIELD_ARGUMENT = re.compile(rf"[^\]\[\"'\0{_SPACE}]++")
HEX_NUMBER = re.compile(r"0[xX][0-9a-fA-F]++")
NUMBER = re.compile(r"[+-]?[0-9]++\.?[0-9]*+(?:[eE][+-][0-9]++)?")
BARE = re.compile(rf"[^()\"'=,\0{_SPACE}]++")
EXISTS = re.compile("exists")
NUMBER_OPERATOR = re.compile("<=|<|>=|>")
TEXT_OPERATOR = re.compile(
    r"==|=|!=|(?:glob|iglob|contains|icontains|bcontains|startswith|bstartswith|endswith|regex)"
    r"(?=[ \t\b\r\n])"
)
LIST_OPERATOR = re.compile("intersects|in|pmatch")
MODIFIER = re.compile(r"(?:oneof|anyof|allof)(?=[ \t\b\r\n])")
TRANSFORMER = re.compile(r"(?:tolower|toupper|b64|basename|len|join|concat|getopt)(?=\()")
_LINE_END = re.compile(r"\r\n?|\n")


class Lexer:
    """A text, a place in it (``at``) and the last token that was taken."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.token = ""

    @property
    def done(self) -> bool:
        """Nothing is left."""
        return self.at == len(self.text)

    def blank(self) -> bool:
        """Pass over blanks; were there any?"""
        if match := BLANK.match(self.text, self.at):
            self.at = match.end()
        return match is not None

    def take(self, literal: str) -> bool:
        """Take exactly these characters, if they are next."""
        if not self.text.startswith(literal, self.at):
            return False
        self.token = literal
        self.at += len(literal)
        return True

    def match(self, pattern: re.Pattern[str]) -> bool:
        """Take what the pattern matches here, if it does."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return False
        self.token = match[0]
        self.at = match.end()
        return True

    def sees(self, pattern: re.Pattern[str]) -> bool:
        """Would the pattern match here?"""
        return pattern.match(self.text, self.at) is not None

    def quoted(self) -> bool:
        """Take a quoted text, unescaped, if one starts here and ends; raises ConditionError.

        It ends with the first same quote that has no backslash before it, not even an escaped one.
        """
        quote = self.text[self.at : self.at + 1]
        if quote not in ("'", '"'):
            return False
        start = self.at + 1
        end = self.text.find(quote, start)
        while end > start and self.text[end - 1] == "\\":
            end = self.text.find(quote, end + 1)
        if end < 0 or self.text.find("\0", start, end) >= 0:
            return False
        try:
            self.token = unescape(self.text[start:end], quote)
        except BadEscape as fault:
            raise self.fault(fault.reason, start + fault.at) from None
        self.at = end + 1
        return True

    def place(self, offset: int | None = None) -> Place:
        """Line and column of an offset, of the next character if None."""
        offset = self.at if offset is None else offset
        line = bisect_right(self._line_starts, offset)
        return Place(line, offset - self._line_starts[line - 1] + 1)

    def fault(self, reason: str, offset: int | None = None) -> ConditionError:
        """The error for what stands at an offset, at the next character if None."""
        return ConditionError(reason, *self.place(offset))

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]
