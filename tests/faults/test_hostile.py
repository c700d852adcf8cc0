"""Senders that err or mean harm: malformed bodies by the ten thousand, slow connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from pathlib import Path
from typing import Any

from tests.faults.load import Load, alert, post, quantile
from tests.faults.receiver import receiver
from tests.faults.system import system, until

_BODIES = int(os.environ.get("SIDEKICK_FAULT_BODIES", "100000"))
_SENDERS = 16


def _config(port: int, **listen: Any) -> dict[str, Any]:
    return {
        "dedup": {"enabled": False},
        "sinks": {"good": {"type": "webhook", "url": f"http://127.0.0.1:{port}/"}},
    }


def _spoilt(chance: random.Random) -> bytes:
    """An alert with a few bytes changed, cut, doubled or moved."""
    body = bytearray(alert(chance.randrange(10**6)))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body) or 1)
        body = body or bytearray(b"{")
        match chance.randrange(5):
            case 0:
                body[at] = chance.randrange(256)
            case 1:
                del body[at : at + chance.randint(1, 40)]
            case 2:
                body[at:at] = bytes(chance.choices(b'{}[]",:0e\\u-\x00\xff', k=5))
            case 3:
                body[at:at] = body[: chance.randint(1, 60)]
            case _:
                body = body[: at + 1]
    return bytes(body)


async def _send_spoilt(port: int, seed: int, count: int, statuses: dict[int, int]) -> None:
    chance = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer):
        for _ in range(count):
            status = await post(reader, writer, _spoilt(chance))
            statuses[status] = statuses.get(status, 0) + 1


async def test_malformed_bodies_crash_nothing_and_memory_stays_flat(tmp_path: Path) -> None:
    async with receiver() as (got, port), system(tmp_path, _config(port)) as hub:
        statuses: dict[int, int] = {}
        await _send_spoilt(hub.port, 0, 2000, statuses)
        before = hub.rss_mib()
        share = _BODIES // _SENDERS
        await asyncio.gather(
            *(_send_spoilt(hub.port, seed, share, statuses) for seed in range(1, _SENDERS + 1))
        )
        load = Load(hub.port)
        await load.run(connections=2, most=50)
        await until(lambda: set(load.answered) <= set(got.seen), 120, "valid alerts were lost")
        assert hub.rss_mib() - before < 40, (before, hub.rss_mib())
    assert set(statuses) == {200, 400}
    assert min(statuses.values()) > _BODIES // 100


async def test_slow_connections_do_not_disturb_normal_traffic(tmp_path: Path) -> None:
    async with receiver() as (got, port), system(tmp_path, _config(port)) as hub:
        slow = [await asyncio.open_connection("127.0.0.1", hub.port) for _ in range(200)]
        for _, writer in slow:
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        load = Load(hub.port)
        await load.run(connections=4, rate=200, most=800)
        await until(lambda: len(got.seen) == len(load.answered), 30, "alerts were lost")
        for _, writer in slow:
            writer.close()
    assert len(load.answered) == 800
    assert quantile(load.latencies, 0.99) < 0.25
