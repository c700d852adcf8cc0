"""kill -9, SIGTERM and restarts under load: what was answered 200 is delivered, with one id."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

from tests.faults.load import Load
from tests.faults.receiver import Receiver, receiver
from tests.faults.system import free_port, system, until

_KILLS = int(os.environ.get("SIDEKICK_FAULT_KILLS", "20"))
_CONCURRENCY = 8


def _config(port: int, dead_port: int = 0, **more: Any) -> dict[str, Any]:
    lane = {"concurrency": _CONCURRENCY, "breaker_pause": "200ms", "backoff_max": "1s"}
    sinks: dict[str, Any] = {
        "good": {"type": "webhook", "url": f"http://127.0.0.1:{port}/", "lane": lane}
    }
    if dead_port:
        sinks["failing"] = {
            "type": "webhook",
            "url": f"http://127.0.0.1:{dead_port}/",
            "lane": lane,
        }
    return {"sinks": sinks, "dedup": {"enabled": False}} | more


def _missing(load: Load, got: Receiver) -> list[int]:
    return [number for number in load.answered if number not in got.seen]


async def _delivered(load: Load, got: Receiver, seconds: float) -> None:
    load.stopped = True
    await until(
        lambda: not _missing(load, got), seconds, "alerts that were answered 200 never arrived"
    )


async def test_nothing_answered_is_lost_over_many_kills_with_one_sink_failing(
    tmp_path: Path,
) -> None:
    async with receiver() as (got, port), system(tmp_path, _config(port, free_port())) as hub:
        load = Load(hub.port)
        sending = asyncio.create_task(load.run(connections=16))
        for _ in range(_KILLS):
            answered = len(load.answered)
            await until(lambda n=answered: len(load.answered) > n + 200, 30, "no answers")
            await asyncio.sleep(random.uniform(0, 0.2))
            await hub.stop(signal.SIGKILL)
            await hub.start()
        await _delivered(load, got, 60)
        await sending
    assert len(load.answered) > 200 * _KILLS
    assert all(len(ids) == 1 for ids in got.ids.values())
    assert got.repeats <= _KILLS * 4 * _CONCURRENCY, got.repeats


async def test_sigterm_drains_and_what_is_left_goes_after_the_next_start(tmp_path: Path) -> None:
    async with receiver() as (got, port):
        got.set_mode("status:503")
        config = _config(port, shutdown={"drain": "500ms"})
        async with system(tmp_path, config) as hub:
            load = Load(hub.port)
            await load.run(connections=4, most=200)
            assert await hub.stop(signal.SIGTERM) == 0
            assert len(load.answered) == 200
            assert not got.seen
            got.set_mode("ok")
            await hub.start()
            await _delivered(load, got, 30)
    assert got.repeats == 0


async def test_a_clean_stop_under_load_repeats_nothing(tmp_path: Path) -> None:
    async with receiver() as (got, port), system(tmp_path, _config(port)) as hub:
        load = Load(hub.port)
        sending = asyncio.create_task(load.run(connections=16))
        await until(lambda: len(load.answered) > 500, 30, "no answers")
        assert await hub.stop(signal.SIGTERM) == 0
        await hub.start()
        await _delivered(load, got, 30)
        await sending
    assert got.repeats == 0
