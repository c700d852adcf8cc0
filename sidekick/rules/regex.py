"""``regex``: POSIX extended expressions that must match the whole value, in linear time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sidekick.errors import SidekickError


class BadPattern(SidekickError):
    """The pattern is not a POSIX extended regular expression that RE2 takes."""


@lru_cache(256)
def matcher(pattern: str) -> Callable[[str], object]:
    """A function that is truthy for the texts that match as a whole; raises BadPattern.

    ``\\d``, ``\\w``, ``\\b``, lazy repeats and groups with ``(?`` do not exist in this syntax.
    """
    import re2

    options = re2.Options()
    options.posix_syntax = True
    options.longest_match = True
    options.log_errors = False
    try:
        full_match = re2.compile(pattern, options).fullmatch
    except (re2.error, UnicodeEncodeError) as fault:
        raise BadPattern(_text(fault.args[0])) from None

    def match(value: str) -> object:
        try:
            return full_match(value)
        except UnicodeEncodeError:
            return full_match(value.encode("utf-8", "replace").decode())

    return match


def _text(message: object) -> str:
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
