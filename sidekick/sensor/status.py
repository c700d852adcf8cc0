"""How a sensor fares, as it tells it once a second: a line of JSON."""

from __future__ import annotations

import msgspec


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """``drops`` by reason and ``records`` by type are since the last status, all others totals.

    Of the ``alerts`` the ``repeats`` were only counted."""

    drops: dict[str, int] = {}
    records: dict[str, int] = {}
    events: int = 0
    alerts: int = 0
    repeats: int = 0
    processes: int = 0
    missed: int = 0
    outbox_bytes: int = 0


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Status).decode
