"""What a sensor tells a hub now and then, so that its silence can be told from a quiet node."""

from __future__ import annotations

from typing import Annotated

import msgspec

PATH = "/v1/heartbeats"
INTERVAL_SECS = 30.0


class Heartbeat(msgspec.Struct, frozen=True):
    """``node`` is watched; the next heartbeat comes after ``interval_secs``."""

    node: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    interval_secs: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = INTERVAL_SECS


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Heartbeat).decode
"""Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
