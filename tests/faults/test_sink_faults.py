"""A sink that errs, refuses, hangs or crawls: nothing is lost, and no other lane is delayed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Load, quantile
from tests.faults.receiver import Receiver, receiver
from tests.faults.system import System, free_port, system, until

_SECONDS = float(os.environ.get("SIDEKICK_FAULT_SECS", "4"))
_RATE = 200.0
_MODES = ("status:500", "hang", "slow")


def _config(bad: int, good: int) -> dict[str, Any]:
    lane = {"timeout": "1s", "breaker_pause": "500ms", "backoff_max": "1s"}
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


@dataclass(frozen=True)
class Outcome:
    """What became of the alerts of one hub; the 99th percentiles of the good sink's latency."""

    bad: Receiver
    statuses: Mapping[int, int]
    healthy: float
    during: float


async def _outcome(path: Path, mode: str) -> Outcome:
    """Both sinks work for two seconds, then one of them fails for a while."""
    async with _two_sinks(path) as (bad, good, hub):
        load = Load(hub.port)
        sending = asyncio.create_task(load.run(connections=8, rate=_RATE))
        await asyncio.sleep(2)
        before = load.next_number
        bad.set_mode(mode)
        await asyncio.sleep(_SECONDS)
        during = load.next_number
        bad.set_mode("ok")
        load.stopped = True
        await sending
        for got in (good, bad):
            await until(lambda g=got: len(g.seen) == len(load.answered), 60, "alerts were lost")
        healthy = _latency(load, good, range(20, before))
        return Outcome(bad, load.statuses, healthy, _latency(load, good, range(before, during)))


def _latency(load: Load, got: Receiver, numbers: range) -> float:
    taken = [got.arrived[n] - load.answered[n] for n in numbers if n in got.arrived]
    return quantile(taken, 0.99)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome | BaseException]:
    """Each kind of failure, of a hub of its own, all at the same time."""
    folders = [tmp_path_factory.mktemp("failing") for _ in _MODES]

    async def together() -> list[Outcome | BaseException]:
        each = [_outcome(*one) for one in zip(folders, _MODES, strict=True)]
        return await asyncio.gather(*each, return_exceptions=True)

    return dict(zip(_MODES, asyncio.run(together()), strict=True))


@pytest.mark.parametrize("mode", _MODES)
def test_a_failing_sink_loses_nothing_and_delays_no_other(
    outcomes: Mapping[str, Outcome | BaseException], mode: str
) -> None:
    found = outcomes[mode]
    if isinstance(found, BaseException):
        raise found
    # 50 ms are within the noise of two shared cores
    assert found.during <= 2 * max(found.healthy, 0.05)
    assert set(found.statuses) == {200}
    assert found.bad.failed > 0 or mode == "slow"
    assert all(len(ids) == 1 for ids in found.bad.ids.values())


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
