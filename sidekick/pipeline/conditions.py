"""Compiling the conditions of the configuration, with every fault gathered in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sidekick.errors import ConditionError, ConfigError

Condition = Callable[[Mapping[str, Any]], bool]
"""Says whether an alert (as an ``AlertView``) matches."""

Compile = Callable[[str], Condition]
"""Turns a text into a condition; raises ``ConditionError``."""


class Conditions:
    """Compiles conditions and keeps the faults, so that all are told at once."""

    def __init__(self, compile: Compile) -> None:
        self._compile = compile
        self.faults: list[str] = []

    def compile(self, place: str, text: str, *, scored: bool = True) -> Condition:
        """The condition of ``text``; a faulty one is noted under ``place`` and never matches.

        ``scored`` is False where the alert has no score yet: asking for it there is a fault.
        """
        try:
            condition = self._compile(text)
        except ConditionError as error:
            self.fault(place, str(error))
            return _never
        if not scored and "alert.score" in getattr(condition, "fields", ()):
            self.fault(place, "alert.score is not known yet at this stage; use it in route")
        return condition

    def fault(self, place: str, reason: str) -> None:
        """Note what is wrong at ``place``, a dotted path of keys."""
        self.faults.append(f"{place}: {reason}")

    def check(self) -> None:
        """Raise ``ConfigError`` with every fault noted so far, if there is one."""
        if self.faults:
            raise ConfigError(self.faults)


def _never(record: Mapping[str, Any]) -> bool:
    return False
