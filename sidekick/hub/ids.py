"""Alert ids: UUIDs of version 7 (RFC 9562) that carry the alert's place in the log.

The 74 free bits are the log's node number (34 bits) and the sequence number (40 bits), so an id
is unique, sorts by time, leads to its row without an index, and need not be stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def id_maker(node: int) -> Callable[[int, int], str]:
    """A function from (received_ns, seq) to the id, for the log with that node number."""
    high = f"7{node >> 22:03x}-{0x8000 | (node >> 8) & 0x3FFF:04x}-{node & 0xFF:02x}"

    def make(received_ns: int, seq: int) -> str:
        ms = f"{received_ns // 1_000_000:012x}"
        return f"{ms[:8]}-{ms[8:]}-{high}{seq:010x}"

    return make


def seq_of(uuid: str) -> int | None:
    """The sequence number in an id of ours; None for another text."""
    return int(uuid[-10:], 16) if _UUID7.fullmatch(uuid) else None
