"""The data that flows through sidekick: priorities, alerts, assessments, envelopes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec


class Priority(IntEnum):
    """Falco's eight priorities; the rank grows with severity (falcosidekick's numbers)."""

    DEBUG = 1
    INFORMATIONAL = 2
    NOTICE = 3
    WARNING = 4
    ERROR = 5
    CRITICAL = 6
    ALERT = 7
    EMERGENCY = 8

    @property
    def label(self) -> str:
        """The name as Falco prints it: "Debug" ... "Emergency"."""
        return _LABELS[self]

    @classmethod
    def parse(cls, text: str) -> Priority | None:
        """The priority of that name in any case ("info" is Informational), or None."""
        return _BY_NAME.get(text.lower())


_LABELS = {p: p.name.capitalize() for p in Priority}
_BY_NAME = {p.name.lower(): p for p in Priority} | {"info": Priority.INFORMATIONAL}


COUNT = "evt.count"
"""The output field of an alert that stands for several: how many. Falco's own are 1."""

_MOST = 10**12


class Alert(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a source reports, already validated.

    ``time`` is the sender's RFC 3339 text, ``time_ns`` the same in ns since the epoch.
    ``fields`` is Falco's ``output_fields`` decoded; ``fields_json`` is the same object as the exact
    JSON text that came (numbers keep their digits), always a JSON object. ``plain``: it is
    sorted by name and without blanks, objects and arrays, ``tags`` too are sorted; False: unknown.
    """

    rule: str
    priority: Priority
    source: str
    time: str
    time_ns: int
    fields: Mapping[str, Any]
    fields_json: bytes
    output: str = ""
    hostname: str = ""
    tags: tuple[str, ...] = ()
    plain: bool = False

    @property
    def count(self) -> int:
        """How many it stands for: a sensor counts what repeats itself faster than anybody reads."""
        found = self.fields.get(COUNT)
        return found if type(found) is int and 0 < found <= _MOST else 1


class Part(msgspec.Struct, frozen=True, gc=False):
    """One part of a score: its name, its points (negative ones lower the score) and a reason."""

    name: str
    points: float
    why: str


class Assessment(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the pipeline found out about one alert.

    ``kind`` is ``first`` (new in its window), ``repeat`` (suppressed), ``reminder`` (a repeat that
    is told again) or ``digest`` (the closing count of a window). ``count`` is how many alerts of
    this fingerprint the window has seen, this one included. Times are ns since the epoch.
    ``score`` is 0-100, the rounded, clamped sum of the points of ``parts``. ``routes`` are the
    paths of the routes that matched; ``silenced_by`` is the silence or inhibition that held the
    alert back, "" for none.
    """

    fingerprint: str
    kind: str = "first"
    count: int = 1
    first_seen_ns: int = 0
    last_seen_ns: int = 0
    score: int = 0
    parts: tuple[Part, ...] = ()
    routes: tuple[str, ...] = ()
    silenced_by: str = ""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """An alert, what was found out about it, and the names of the lanes that shall deliver it.

    No lanes: it is only kept in the log (a suppressed repeat, a silenced alert).
    """

    alert: Alert
    assessment: Assessment
    lanes: tuple[str, ...] = ()


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A committed alert on its way to a sink.

    ``seq`` is its place in the log; ``id`` is stable over retries and restarts and is what sinks
    use as idempotency key. ``body`` is the alert as one JSON object without a newline (see
    ``sidekick.document``), encoded once; ``plain`` as of the ``Alert`` that it was made of.
    """

    seq: int
    id: str
    priority: Priority
    time_ns: int
    fingerprint: str
    body: bytes
    received_ns: int = 0
    plain: bool = False
