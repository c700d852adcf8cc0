"""The fields of an event, each worked out when a condition or an output asks for it first.

A value is what Falco's field of that name holds, None for NULL. Fields that take an argument stand
there with it: ``proc.aname[2]``. What this sensor cannot tell is NULL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sidekick.sensor.fields import container, descriptor, event, process
from sidekick.sensor.fields.extract import Event, Extract

PLAIN: dict[str, Extract] = {
    **event.PLAIN,
    **process.PLAIN,
    **descriptor.PLAIN,
    **container.PLAIN,
}
"""Fields without an argument."""

KEYED: dict[str, Callable[[str], Extract]] = {
    **event.KEYED,
    **process.KEYED,
    **container.KEYED,
}
"""Makers of fields that take an argument."""

_MOST_MADE = 4096


FILLED = frozenset(PLAIN) | frozenset(KEYED) | {event.ARGUMENT, event.RAW_ARGUMENT}
"""The names of all fields that an event of this sensor may have; a family's ends in a dot."""


class EventFields(Event):
    """An event as the rule engine reads it."""

    __slots__ = ()

    def __missing__(self, key: str) -> Any:
        extract = _MADE.get(key) or _make(key)
        value = self[key] = extract(self)
        return value


_MADE: dict[str, Extract] = dict(PLAIN)


def _make(key: str) -> Extract:
    """The extractor of a field with an argument; kept, as rules ask for few different ones."""
    name, bracket, rest = key.partition("[")
    if bracket and name in KEYED:
        made = KEYED[name](rest.removesuffix("]").strip("\"'"))
    elif key.startswith(event.ARGUMENT):
        made = event.argument(key[len(event.ARGUMENT) :])
    elif key.startswith(event.RAW_ARGUMENT):
        made = event.raw_argument(key[len(event.RAW_ARGUMENT) :])
    else:
        made = _null
    if len(_MADE) < _MOST_MADE:
        _MADE[key] = made
    return made


def _null(_: Event) -> None:
    return None
