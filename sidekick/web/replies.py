"""The shapes of the admin API's answers: the API encodes them, the command line decodes them."""

from __future__ import annotations

import msgspec

from sidekick.hub.view import DeadLetter, Entry, LaneStatus, Quarantined, SilenceStatus


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The base of every answer: one JSON object."""


class Lanes(Reply, frozen=True, kw_only=True):
    """All lanes, by name."""

    lanes: list[LaneStatus]


class Found(Reply, frozen=True, kw_only=True):
    """Alerts of the log, newest first."""

    alerts: list[Entry]


class DeadLetters(Reply, frozen=True, kw_only=True):
    """Dead letters, newest first."""

    dead_letters: list[DeadLetter]


class QuarantinedBodies(Reply, frozen=True, kw_only=True):
    """What was posted and is no alert, newest first."""

    quarantined: list[Quarantined]


class Count(Reply, frozen=True, kw_only=True):
    """How many alerts, dead letters or other things the call has touched."""

    count: int


class Silences(Reply, frozen=True, kw_only=True):
    """All silences that are known."""

    silences: list[SilenceStatus]


class RuleRate(Reply, frozen=True, kw_only=True):
    """How often one rule was seen in the window."""

    rule: str
    source: str
    priority: str
    count: int
    per_second: float


class Rates(Reply, frozen=True, kw_only=True):
    """What came and went in the last ``seconds``.

    ``received`` (by status), ``assessed`` (by kind), ``delivered``, ``retried`` and ``dead`` (by
    lane) are per second; ``silenced`` and ``lost`` (by reason) are counts.
    """

    seconds: float
    received: dict[str, float]
    assessed: dict[str, float]
    delivered: dict[str, float]
    retried: dict[str, float]
    dead: dict[str, float]
    silenced: int
    lost: dict[str, int]
    rules: list[RuleRate]


class Version(Reply, frozen=True, kw_only=True):
    """Which sidekick runs, and since when."""

    version: str
    started_ns: int
    now_ns: int
