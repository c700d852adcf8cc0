from __future__ import annotations

import asyncio
import sys

import pytest

from sidekick import metrics
from sidekick.errors import ConfigError
from sidekick.sensor.status import Status
from sidekick.sensor.supervisor import MISCONFIGURED, UNAVAILABLE, StatusMetrics, Supervisor

TELLS = "import sys,time\nprint('{\"events\": 5}', flush=True)\n"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_statuses_are_heard_and_the_process_ends_with_us() -> None:
    heard: asyncio.Queue[Status] = asyncio.Queue()
    supervisor = Supervisor(python(TELLS + "sys.stdin.read()"), heard.put_nowait)
    task = asyncio.create_task(supervisor.run())
    assert await asyncio.wait_for(heard.get(), 10) == Status(events=5)
    assert value("sidekick_sensor_up") == 1
    process = supervisor._process
    assert process is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert process.returncode is not None
    assert value("sidekick_sensor_up") == 0


async def test_a_sensor_that_ends_is_started_again() -> None:
    heard: asyncio.Queue[Status] = asyncio.Queue()
    supervisor = Supervisor(python(TELLS), heard.put_nowait, first_pause=0.01)
    task = asyncio.create_task(supervisor.run())
    for _ in range(3):
        await asyncio.wait_for(heard.get(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_machine_that_allows_none_is_asked_once() -> None:
    supervisor = Supervisor(python(f"raise SystemExit({UNAVAILABLE})"), print)
    await asyncio.wait_for(supervisor.run(), 10)


async def test_faults_of_the_configuration_end_a_start() -> None:
    supervisor = Supervisor(python(f"raise SystemExit({MISCONFIGURED})"), print)
    with pytest.raises(ConfigError, match="does not start"):
        await asyncio.wait_for(supervisor.run(), 10)


async def test_faults_that_come_later_do_not_end_a_hub() -> None:
    heard: asyncio.Queue[Status] = asyncio.Queue()
    code = TELLS + f"raise SystemExit({MISCONFIGURED})"
    supervisor = Supervisor(python(code), heard.put_nowait, first_pause=0.01)
    task = asyncio.create_task(supervisor.run())
    for _ in range(3):
        await asyncio.wait_for(heard.get(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_sensor_that_falls_silent_is_killed_and_started_again() -> None:
    heard: asyncio.Queue[Status] = asyncio.Queue()
    code = TELLS + "time.sleep(60)"
    supervisor = Supervisor(python(code), heard.put_nowait, silent_secs=0.3, first_pause=0.01)
    task = asyncio.create_task(supervisor.run())
    for _ in range(2):
        await asyncio.wait_for(heard.get(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("line", ["no json", "[]", ""])
async def test_a_line_that_is_no_status_hurts_nobody(line: str) -> None:
    heard: asyncio.Queue[Status] = asyncio.Queue()
    supervisor = Supervisor(python(f"print({line!r})\n{TELLS}sys.stdin.read()"), heard.put_nowait)
    task = asyncio.create_task(supervisor.run())
    assert await asyncio.wait_for(heard.get(), 10) == Status(events=5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_totals_become_counters_also_after_a_new_start() -> None:
    take = StatusMetrics()
    before = value("sidekick_sensor_events_total")
    lost = value("sidekick_sensor_drops_total", reason="busy")
    told = value("sidekick_sensor_records_total", type="openat")
    counted = value("sidekick_sensor_repeats_total")
    take(Status(events=10, drops={"busy": 2}, records={"openat": 3}, repeats=5))
    take(Status(events=15, records={"openat": 4}, repeats=7))
    take(Status(events=3, drops={"busy": 1}, repeats=1))
    assert value("sidekick_sensor_records_total", type="openat") - told == 7
    assert value("sidekick_sensor_repeats_total") - counted == 8
    assert value("sidekick_sensor_events_total") - before == 18
    assert value("sidekick_sensor_drops_total", reason="busy") - lost == 3
