from __future__ import annotations

import asyncio

import pytest

from sidekick.hub.watcher import WATCHED, Watcher


async def test_documents_come_in_their_order() -> None:
    watcher = Watcher()
    watcher.put([b"1", b"2"])
    watcher.put([b"3"])
    assert [await anext(watcher) for _ in range(3)] == [b"1", b"2", b"3"]


async def test_a_watcher_waits_for_the_next_document() -> None:
    watcher = Watcher()
    waiting = asyncio.ensure_future(anext(watcher))
    await asyncio.sleep(0)
    assert not waiting.done()
    watcher.put([b"1"])
    assert await waiting == b"1"


@pytest.mark.parametrize("at_once", [1, 7, WATCHED, WATCHED + 30])
async def test_a_slow_watcher_loses_the_oldest_and_is_told_how_many(at_once: int) -> None:
    watcher, total = Watcher(), 2 * WATCHED + 60
    bodies = [b"%d" % n for n in range(total)]
    for start in range(0, total, at_once):
        watcher.put(bodies[start : start + at_once])
    assert watcher.dropped == total - WATCHED
    assert await anext(watcher) == bodies[-WATCHED]


async def test_the_end_is_told_after_the_last_document() -> None:
    watcher = Watcher()
    watcher.put([b"1"])
    watcher.end()
    assert [body async for body in watcher] == [b"1"]


async def test_who_waits_is_told_of_the_end() -> None:
    watcher = Watcher()
    waiting = asyncio.create_task(_next(watcher))
    await asyncio.sleep(0)
    watcher.end()
    assert await waiting is None


async def _next(watcher: Watcher) -> bytes | None:
    return await anext(watcher, None)
