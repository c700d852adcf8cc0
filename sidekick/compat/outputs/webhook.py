"""Any HTTP endpoint."""

from __future__ import annotations

from sidekick.compat.key import Key, Output
from sidekick.compat.outputs._common import IN_FLIGHT, http

OUTPUT = Output(
    "webhook",
    "webhook",
    ("address",),
    (
        Key("address", "url", secret=True),
        Key("method", "method", default="POST", convert=str.upper),
        *http(one_by_one=True),
    ),
    (("lane.concurrency", IN_FLIGHT, "falcosidekick's 1 would let a slow answer hold up all"),),
)
