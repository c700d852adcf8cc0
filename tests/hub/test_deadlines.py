"""Time limits of many tasks: who is late is cancelled, and only who is late."""

from __future__ import annotations

import asyncio

import pytest

from sidekick.hub.deadlines import Deadlines


async def limited(deadlines: Deadlines, secs: float) -> bool:
    """Sleep; True if the time was up."""
    loop = asyncio.get_running_loop()
    task = deadlines.begin(loop.time())
    try:
        await asyncio.sleep(secs)
    except asyncio.CancelledError as error:
        if not deadlines.end(task, error):
            raise
        return True
    deadlines.end(task)
    return False


async def test_who_is_late_is_cancelled_and_nobody_else() -> None:
    deadlines = Deadlines(0.5)
    async with asyncio.timeout(5):
        found = await asyncio.gather(*(limited(deadlines, secs) for secs in (0, 60, 0.001, 60)))
    assert found == [False, True, False, True]


async def test_a_task_that_begins_later_has_its_whole_time() -> None:
    deadlines = Deadlines(0.3)
    first = asyncio.create_task(limited(deadlines, 60))
    await asyncio.sleep(0.15)
    second = asyncio.create_task(limited(deadlines, 0.2))
    assert await first
    assert not await second


async def test_a_cancellation_from_outside_stays_one() -> None:
    deadlines = Deadlines(60)
    task = asyncio.create_task(limited(deadlines, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_late_and_cancelled_from_outside_too_is_cancelled() -> None:
    deadlines = Deadlines(0.0)

    async def both() -> bool:
        task = deadlines.begin(asyncio.get_running_loop().time())
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError as error:
            task.cancel()
            if not deadlines.end(task, error):
                raise
        return True

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(both())
