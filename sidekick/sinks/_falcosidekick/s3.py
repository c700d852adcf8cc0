"""falcosidekick's object of S3: one an alert, named by day and moment."""

from __future__ import annotations

from datetime import UTC, datetime

from sidekick import rfc3339
from sidekick.model import Envelope

_MILLISECOND_NS = 1_000_000


def key(prefix: str, envelope: Envelope) -> str:
    """``PREFIX/2026-01-31/2026-01-31T10:20:30.123456789Z.json``: when the alert came, in UTC.

    falcosidekick overwrites an alert by another of the same nanosecond, and writes one that it
    sends twice under two names. Here the digits below a millisecond are of the alert's place in
    the log: no two of one log share a name, and a second try has the name of the first.
    """
    ns = envelope.received_ns // _MILLISECOND_NS * _MILLISECOND_NS
    secs, fraction = divmod(ns + envelope.seq % _MILLISECOND_NS, 1_000_000_000)
    when = datetime.fromtimestamp(secs, UTC)
    moment = rfc3339.as_go(f"{when:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z")
    return f"{prefix}/{when:%Y-%m-%d}/{moment}.json"
