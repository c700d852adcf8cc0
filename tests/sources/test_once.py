"""Events that come again, while the first try is under way, has failed or has become durable."""

from __future__ import annotations

import asyncio

from sidekick.errors import Shed
from sidekick.model import Alert, Priority
from sidekick.sources._once import Once
from tests.web.listening import FakeIntake


def alert(rule: str) -> Alert:
    return Alert(
        rule=rule,
        priority=Priority.WARNING,
        source="k8s_audit",
        time="2026-01-02T03:04:05Z",
        time_ns=1,
        fields={},
        fields_json=b"{}",
    )


async def _until(intake: FakeIntake, waiting: int) -> None:
    async with asyncio.timeout(5):
        while len(intake.waiting) < waiting:
            await asyncio.sleep(0)


async def test_what_is_durable_is_not_offered_again() -> None:
    intake = FakeIntake()
    repeats: list[int] = []
    once = Once(intake, 10, repeats.append)

    assert await once.offer({1: [alert("a"), alert("b")]}) is None
    assert await once.offer({1: [alert("a"), alert("b")], 2: [alert("c")]}) is None

    assert intake.rules == ["a", "b", "c"]
    assert sum(repeats) == 1


async def test_what_failed_is_offered_again() -> None:
    intake = FakeIntake()
    repeats: list[int] = []
    once = Once(intake, 10, repeats.append)
    intake.error = OSError("the disk is full")
    assert await once.offer({1: [alert("a")]}) is intake.error

    intake.error = None
    assert await once.offer({1: [alert("a")]}) is None

    assert intake.rules == ["a"]
    assert sum(repeats) == 0


async def test_a_repeat_waits_for_the_first_try_and_is_not_offered() -> None:
    intake = FakeIntake()
    intake.slow = True
    repeats: list[int] = []
    once = Once(intake, 10, repeats.append)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(once.offer({1: [alert("a")]}))
        await _until(intake, 1)
        second = group.create_task(once.offer({1: [alert("a")]}))
        await asyncio.sleep(0)
        assert not second.done()
        intake.commit()

    assert first.result() is second.result() is None
    assert intake.rules == ["a"]
    assert sum(repeats) == 1


async def test_a_repeat_is_offered_when_the_first_try_fails() -> None:
    intake = FakeIntake()
    intake.slow = True
    intake.error = OSError("the disk is full")
    repeats: list[int] = []
    once = Once(intake, 10, repeats.append)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(once.offer({1: [alert("a")]}))
        await _until(intake, 1)
        second = group.create_task(once.offer({1: [alert("a")]}))
        await asyncio.sleep(0)
        intake.commit()
        intake.error = None
        await _until(intake, 1)
        intake.commit()

    assert isinstance(first.result(), OSError)
    assert second.result() is None
    assert sum(repeats) == 0


async def test_a_repeat_is_offered_when_the_first_sender_is_cancelled() -> None:
    intake = FakeIntake()
    intake.slow = True
    repeats: list[int] = []
    once = Once(intake, 10, repeats.append)
    first = asyncio.create_task(once.offer({1: [alert("a")]}))
    await _until(intake, 1)
    second = asyncio.create_task(once.offer({1: [alert("a")]}))
    await asyncio.sleep(0)
    first.cancel()
    await _until(intake, 2)
    intake.commit()

    assert await second is None


async def test_what_there_is_no_room_for_does_not_keep_out_the_rest() -> None:
    class Choosy(FakeIntake):
        def offer(self, alerts, answer):  # type: ignore[no-untyped-def]
            self.error = Shed("no room") if any(a.rule == "low" for a in alerts) else None
            super().offer(alerts, answer)

    intake = Choosy()
    repeats: list[int] = []
    once = Once(intake, 10, repeats.append)

    error = await once.offer({1: [alert("a")], 2: [alert("low")], 3: [alert("b")]})

    assert isinstance(error, Shed)
    assert intake.rules == ["a", "b"]
    assert await once.offer({1: [alert("a")], 3: [alert("b")]}) is None
    assert intake.rules == ["a", "b"]


async def test_only_the_last_events_are_remembered() -> None:
    intake = FakeIntake()
    once = Once(intake, 2, lambda count: None)
    for key in (1, 2, 3, 1, 3):
        await once.offer({key: [alert(str(key))]})

    assert intake.rules == ["1", "2", "3", "1"]
