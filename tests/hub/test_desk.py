from __future__ import annotations

import contextlib
import time

import pytest

from sidekick.errors import ConfigError, Rejected, Retryable
from sidekick.hub.record import record_of
from sidekick.model import Priority
from sidekick.rules.compile import compile_condition
from tests.hub.hubs import Stand, number_of, real_pipeline, until

EVER = 2**62
HOUR = 3600 * 10**9


def _reject(numbers: list[int]) -> None:
    raise Rejected("HTTP 400: no")


def _take(numbers: list[int]) -> None:
    """The receiver takes everything."""


async def _bury(stand: Stand, *numbers: int) -> None:
    """Let the lanes "a" and "b" give these up."""
    for name in ("a", "b"):
        stand.sink(name).act = _reject
    await stand.accept(*numbers)
    await until(lambda: all(stand.status(n).dead == len(numbers) for n in ("a", "b")))
    for name in ("a", "b"):
        stand.sink(name).act = _take


async def test_alerts_are_found_by_condition_and_by_id(stand: Stand) -> None:
    async with stand.running("a") as hub:
        await stand.accept(1, 2, 3)
        await stand.accept(4, priority=Priority.CRITICAL)
        match = compile_condition("alert.priority >= critical and proc.name = bash")
        (found,) = await hub.desk.search(match, 0, EVER, 10)
        assert number_of(bytes(found.document)) == 4
        assert found.lanes == ("a",)
        assert await hub.desk.find(found.id) == found
        assert await hub.desk.find("018f0000-0000-7000-8000-000000000000") is None
        assert len(await hub.desk.search(None, 0, EVER, 3)) == 3
        stats = await hub.desk.stats()
        assert (stats.alerts, stats.first_seq, stats.last_seq, stats.full) == (4, 1, 4, False)


async def test_dead_letters_are_delivered_on_request_under_their_id(stand: Stand) -> None:
    async with stand.running("a", "b") as hub:
        await _bury(stand, 1, 2, 3)
        letters = await hub.desk.dead_letters("a", 10)
        chosen = next(letter.id for letter in letters if letter.seq == 2)
        assert await hub.desk.retry_dead("a", [chosen, "nonsense"]) == 1
        await until(lambda: stand.sink("a").got == [2])
        assert stand.sink("a").ids[2] == {chosen}
        assert await hub.desk.retry_dead(None, None) == 5
        await until(lambda: sorted(stand.sink("a").got) == sorted(stand.sink("b").got) == [1, 2, 3])
        await until(lambda: stand.status("a").depth == 0 == stand.status("b").depth)
        assert await hub.desk.dead_letters(None, 10) == []


async def test_a_dead_letter_that_left_the_log_is_delivered_from_its_copy(stand: Stand) -> None:
    async with stand.running("a", "b") as hub:
        await _bury(stand, 1)
        await stand.accept(2)
        await hub.desk._change(lambda db: db.execute("DELETE FROM alert WHERE seq = 1"))
        assert await hub.desk.retry_dead("b", None) == 1
        await until(lambda: stand.sink("b").got == [2, 1])


async def test_dead_letters_of_a_lane_that_is_gone_are_shown_and_dropped_but_not_retried(
    stand: Stand,
) -> None:
    async with stand.running("a", "b"):
        await _bury(stand, 1)
    async with stand.running("a") as hub:
        assert [d.lane for d in await hub.desk.dead_letters(None, 10)] in (["a", "b"], ["b", "a"])
        assert await hub.desk.retry_dead(None, None) == 1
        assert await hub.desk.drop_dead(None, None) == 1
        assert await hub.desk.dead_letters(None, 10) == []


@pytest.mark.parametrize(
    ("lane", "ids", "left"), [("a", None, ["b", "b"]), (None, [], ["a", "a", "b", "b"])]
)
async def test_dead_letters_are_dropped_for_good(
    stand: Stand, lane: str | None, ids: list[str] | None, left: list[str]
) -> None:
    async with stand.running("a", "b") as hub:
        await _bury(stand, 1, 2)
        assert await hub.desk.drop_dead(lane, ids) == 4 - len(left)
        assert sorted(d.lane for d in await hub.desk.dead_letters(None, 10)) == left


async def test_a_lane_that_does_not_exist_is_told(stand: Stand) -> None:
    async with stand.running("a") as hub:
        for asked in (
            hub.desk.dead_letters("x", 1),
            hub.desk.retry_dead("x", None),
            hub.desk.drop_dead("x", None),
            hub.desk.replay(0, EVER, "x", None),
        ):
            with pytest.raises(KeyError):
                await asked


async def test_a_replay_delivers_what_matches_again_to_one_lane(stand: Stand) -> None:
    stand.lane["a"] = {"batch_items": 10}
    async with stand.running("a", "b") as hub:
        await stand.accept(*range(1, 21))
        assert await hub.drain(5)
        before = time.time_ns()
        await stand.accept(*range(21, 31))
        assert await hub.drain(5)
        match = compile_condition("my.number >= 25")
        assert await hub.desk.replay(before, EVER, "a", match) == 6
        await until(lambda: stand.status("a").delivered == 36 and stand.status("a").depth == 0)
        assert sorted(stand.sink("a").got[30:]) == list(range(25, 31))
        assert len(stand.sink("b").got) == 30
        assert all(len(ids) == 1 for ids in stand.sink("a").ids.values())


async def test_a_replay_does_not_count_what_waits_for_a_retry_already(stand: Stand) -> None:
    def fail(numbers: list[int]) -> None:
        if 1 in numbers:
            raise Retryable("HTTP 500")

    stand.sink("a").act = fail
    async with stand.running("a") as hub:
        await stand.accept(1, 2)
        await until(lambda: stand.status("a").retried > 5)
        assert await hub.desk.replay(0, EVER, "a", None) == 1
        await until(lambda: stand.status("a").depth == 1)
        stand.sink("a").act = _take
        await until(lambda: stand.status("a").depth == 0)


async def test_watchers_see_alerts_once_they_are_committed_and_end_with_the_hub(
    stand: Stand,
) -> None:
    with contextlib.ExitStack() as watching:
        async with stand.running("a") as hub:
            watcher = watching.enter_context(hub.desk.watch())
            with hub.desk.watch():
                await stand.accept(1, 2)
            await stand.accept(3)
            assert hub.desk.watchers == {watcher}
        assert [number_of(body) async for body in watcher] == [1, 2, 3]


async def test_a_silence_holds_back_and_survives_a_restart(stand: Stand) -> None:
    now = time.time_ns()
    async with stand.running("a", pipeline=real_pipeline("a")) as hub:
        made = await hub.desk.add_silence("my.number = 1", now, now + HOUR, "too loud", "ops")
        assert (made.comment, made.creator, made.state) == ("too loud", "ops", "active")
        await stand.accept(1, 2)
        assert await hub.drain(5)
        assert stand.sink("a").got == [2]
        with pytest.raises(ConfigError, match="match"):
            await hub.desk.add_silence("my.number ~ 1", now, now + HOUR, "x", "y")
    async with stand.running("a", pipeline=real_pipeline("a")) as hub:
        assert [s.id for s in hub.desk.silences()] == [made.id]
        ended = await hub.desk.expire_silence(made.id)
        assert ended is not None
        assert ended.state == "expired"
        assert await hub.desk.expire_silence("unknown") is None


def test_a_condition_reads_the_fields_and_what_is_known_of_the_alert() -> None:
    body = (
        b'{"uuid":"u","output":"o","priority":"Error","rule":"R","time":"t",'
        b'"output_fields":{"a.b":5},"source":"s","tags":["x"],"sidekick":{"fingerprint":"f",'
        b'"kind":"first","count":1,"first_seen":0,"last_seen":0,"score":70}}'
    )
    record = record_of(body)
    assert record["a.b"] == 5
    assert (record["alert.rule"], record["alert.score"]) == ("R", 70)
    assert record["alert.priority"] in ("Error", "error", Priority.ERROR)
