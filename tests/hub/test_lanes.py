from __future__ import annotations

import asyncio
import threading

import pytest

from sidekick import metrics
from sidekick.hub import hub as hub_module
from sidekick.hub import writer
from sidekick.hub.lane import Lane
from sidekick.hub.spool import Group
from sidekick.sinks import SinkConfig
from tests.hub.hubs import Stand, TellsAll, alert, until


def _configs(stand: Stand, *names: str) -> dict[str, SinkConfig]:
    return {name: stand.config(name) for name in names}


async def test_lanes_that_stay_the_same_go_on_undisturbed(stand: Stand) -> None:
    async with stand.running("a", "b") as hub:
        lane = hub.lanes["a"]
        await until(lambda: hub.lanes["b"].opened)
        stand.lane["b"] = {"batch_items": 7}
        await hub.reconfigure(TellsAll("a", "b"), _configs(stand, "a", "b"))
        assert hub.lanes["a"] is lane
        assert hub.problems() == []
        await stand.accept(1)
        assert await hub.drain(5)
    assert (stand.sink("a").opened, stand.sink("b").opened) == (1, 2)
    assert stand.sink("a").got == stand.sink("b").got == [1]


async def test_a_hub_starts_with_its_sinks_opened(stand: Stand) -> None:
    stand.sink("b").door.clear()
    asyncio.get_running_loop().call_later(0.02, stand.sink("b").door.set)
    async with stand.running("a", "b") as hub:
        assert [lane.opened for lane in hub.lanes.values()] == [True, True]


async def test_a_sink_that_does_not_open_holds_the_start_up_only_so_long(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_OPENING_SECS", 0.01)
    stand.sink("b").door.clear()
    async with stand.running("a", "b") as hub:
        assert [lane.opened for lane in hub.lanes.values()] == [True, False]
        await stand.accept(1)
        stand.sink("b").door.set()
        assert await hub.drain(5)
    assert stand.sink("b").got == [1]


async def test_a_new_lane_gets_what_comes_from_now_on(stand: Stand) -> None:
    async with stand.running("a") as hub:
        await stand.accept(1)
        await hub.reconfigure(TellsAll("a", "b"), _configs(stand, "a", "b"))
        await stand.accept(2)
        assert await hub.drain(5)
    assert (stand.sink("a").got, stand.sink("b").got) == ([1, 2], [2])


async def test_a_lane_that_is_gone_takes_no_more_and_holds_nothing_back(stand: Stand) -> None:
    stand.sink("b").gate.clear()
    async with stand.running("a", "b") as hub:
        await stand.accept(1)
        hub._lanes.set_gauges()
        await hub.reconfigure(TellsAll("a", "b"), _configs(stand, "a"))
        await stand.accept(2)
        assert await hub.drain(5)
        assert set(hub.lanes) == {"a"}
        assert hub._spool.room.floor() == 2
        assert 'lane="b"' not in _exposed("sidekick_lane_depth")


def _exposed(name: str) -> str:
    samples = (s for m in metrics.REGISTRY.collect() if m.name == name for s in m.samples)
    return ",".join(f'{s.name}{{lane="{s.labels["lane"]}"}}' for s in samples)


async def test_a_lane_that_comes_back_goes_on_where_it_was(stand: Stand) -> None:
    stand.sink("b").gate.clear()
    async with stand.running("a", "b") as hub:
        await stand.accept(1, 2)
        await hub.reconfigure(TellsAll("a"), _configs(stand, "a"))
        await stand.accept(3)
        stand.sink("b").gate.set()
        await hub.reconfigure(TellsAll("a", "b"), _configs(stand, "a", "b"))
        await stand.accept(4)
        await until(lambda: sorted(stand.sink("b").got) == [1, 2, 4])


async def test_an_alert_that_is_committed_while_its_lane_is_exchanged_is_delivered(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_ROWS_ON_LOOP", 0)
    async with stand.running("a") as hub:
        held, write = threading.Event(), hub._spool.write

        def slowly(group: Group) -> None:
            assert held.wait(10)
            write(group)

        monkeypatch.setattr(hub._spool, "write", slowly)
        lanes = await _stopped(stand, held)
        answers: list[BaseException | None] = []
        hub.offer([alert(1)], answers.append)
        await asyncio.sleep(0)  # it is assessed, for the old lane
        hub._lanes.go_over(lanes)
        hub._routes.clear()
        hub.offer([alert(2)], answers.append)
        await asyncio.sleep(0)
        held.set()
        await until(lambda: answers == [None, None])
        await until(lambda: sorted(stand.sink("a").got) == [1, 2])


async def _stopped(stand: Stand, held: threading.Event) -> dict[str, Lane]:
    """The lanes of the next configuration; from then on nothing is written until ``held``."""
    stand.lane["a"] = {"batch_items": 2}
    held.set()
    lanes = await stand.hub._lanes.prepare(_configs(stand, "a"))
    held.clear()
    return lanes


async def test_under_load_no_reload_loses_an_alert_or_leaves_a_sender_waiting(
    stand: Stand,
) -> None:
    sent, stop = 0, False

    async def send() -> None:
        nonlocal sent
        while not stop:
            sent += 1
            await stand.hub.accept([alert(sent)])

    async with stand.running("a", "b") as hub:
        senders = [asyncio.create_task(send()) for _ in range(8)]
        for reload in range(12):
            before = sent
            await until(lambda before=before: sent > before + 20)  # type: ignore[misc]
            stand.lane["a"] = {"batch_items": 1 + reload % 3, "concurrency": 4}
            names = ("a", "b", "c") if reload % 2 else ("b", "a")
            await hub.reconfigure(TellsAll(*names), _configs(stand, *names))
        stop = True
        async with asyncio.timeout(5):
            await asyncio.gather(*senders)
        assert await hub.drain(10)
    for name in ("a", "b"):
        assert set(stand.sink(name).got) == set(range(1, sent + 1))
    assert len(stand.sink("b").got) == sent  # it never changed, so it repeated nothing
