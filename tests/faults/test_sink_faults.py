"""A sink that errs, refuses, hangs or crawls: nothing is lost, and no other lane is delayed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Load, quantile
from tests.faults.receiver import Receiver, receiver
from tests.faults.system import System, free_port, system, until

_SECONDS = float(os.environ.get("SIDEKICK_FAULT_SECS", "6"))
_RATE = 200.0


def _config(bad: int, good: int) -> dict[str, Any]:
    lane = {"timeout": "2s", "breaker_pause": "500ms", "backoff_max": "2s"}
    return {
        "dedup": {"enabled": False},
        "sinks": {
            "bad": {"type": "webhook", "url": f"http://127.0.0.1:{bad}/", "lane": lane},
            "good": {"type": "webhook", "url": f"http://127.0.0.1:{good}/", "lane": lane},
        },
    }


@contextlib.asynccontextmanager
async def _two_sinks(path: Path) -> AsyncIterator[tuple[Receiver, Receiver, System]]:
    async with (
        receiver() as (bad, bad_port),
        receiver() as (good, good_port),
        system(path, _config(bad_port, good_port)) as hub,
    ):
        yield bad, good, hub


def _latency(load: Load, got: Receiver, numbers: range) -> float:
    taken = [got.arrived[n] - load.answered[n] for n in numbers if n in got.arrived]
    return quantile(taken, 0.99)


@pytest.mark.parametrize("mode", ["status:500", "hang", "slow"])
async def test_a_failing_sink_loses_nothing_and_delays_no_other(tmp_path: Path, mode: str) -> None:
    async with _two_sinks(tmp_path) as (bad, good, hub):
        load = Load(hub.port)
        sending = asyncio.create_task(load.run(connections=8, rate=_RATE))
        await asyncio.sleep(3)
        before = load.next_number
        bad.set_mode(mode)
        await asyncio.sleep(_SECONDS)
        during = load.next_number
        bad.set_mode("ok")
        load.stopped = True
        await sending
        for got in (good, bad):
            await until(lambda g=got: len(g.seen) == len(load.answered), 60, "alerts were lost")
        # 50 ms are within the noise of two shared cores
        healthy = max(_latency(load, good, range(20, before)), 0.05)
        assert _latency(load, good, range(before, during)) <= 2 * healthy
    assert set(load.statuses) == {200}
    assert all(len(ids) == 1 for ids in bad.ids.values())


async def test_a_sink_that_refuses_connections_gets_all_when_it_is_back(tmp_path: Path) -> None:
    bad_port = free_port()
    async with (
        receiver() as (good, good_port),
        system(tmp_path, _config(bad_port, good_port)) as hub,
    ):
        load = Load(hub.port)
        began = time.monotonic()
        await load.run(connections=8, rate=_RATE, most=int(_RATE * _SECONDS))
        assert time.monotonic() - began < 3 * _SECONDS
        await until(lambda: len(good.seen) == len(load.answered), 10, "the good sink waits")
        async with receiver(bad_port) as (back, _):
            await until(lambda: len(back.seen) == len(load.answered), 30, "alerts were lost")
            assert back.repeats == 0
