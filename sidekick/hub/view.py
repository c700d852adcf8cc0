"""What the hub shows of itself to the API and the command line: plain data."""

from __future__ import annotations

import msgspec


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One lane now. Counters are since the start of the process; ages in seconds.

    ``state`` is ``opening`` (its sink is not reachable yet), ``running``, ``paused`` (the breaker
    is open) or ``stopped``.
    """

    name: str
    type: str
    state: str
    depth: int
    oldest_age_secs: float
    in_flight: int
    delivered: int
    retried: int
    dead: int
    last_error: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An alert in the log; ``document`` is its JSON (see ``sidekick.document``)."""

    seq: int
    id: str
    received_ns: int
    lanes: tuple[str, ...]
    document: msgspec.Raw


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that a lane gave up on."""

    seq: int
    id: str
    lane: str
    died_ns: int
    attempts: int
    error: str
    document: msgspec.Raw


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender posted that is no alert; ``body`` is its beginning as text."""

    number: int
    received_ns: int
    source: str
    reason: str
    body: str


class LogStats(msgspec.Struct, frozen=True, kw_only=True):
    """The log's size on disk and its contents; ``failing`` is why it cannot be written, if so, and
    ``unreserved`` whether the disk has no room for its reserve."""

    alerts: int
    bytes: int
    limit_bytes: int
    oldest_ns: int
    first_seq: int
    last_seq: int
    full: bool
    disk_free_bytes: int
    unreserved: bool = False
    failing: str = ""


class SilenceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One silence; ``state`` is ``pending``, ``active`` or ``expired``, times are ns.

    ``origin`` is ``config`` (in the configuration file: only an edit of it ends it) or ``api``.
    """

    id: str
    match: str
    starts_ns: int
    ends_ns: int
    state: str
    comment: str
    creator: str
    origin: str = "api"
