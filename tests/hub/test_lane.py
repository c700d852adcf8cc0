from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from sidekick import metrics
from sidekick.errors import PartlyDelivered, Rejected, Retryable
from sidekick.hub.config import LogConfig
from tests.hub.hubs import Stand, until
from tests.hub.logs import MIB

ANY = range(1, 10_000)


class Fails:
    """Raises for deliveries with certain alerts, so often (-1: always)."""

    def __init__(self, error: Exception, numbers: range = ANY, times: int = -1) -> None:
        self.error = error
        self.numbers = numbers
        self.times = times

    def __call__(self, numbers: list[int]) -> None:
        if self.times and any(n in self.numbers for n in numbers):
            self.times -= 1
            raise self.error


async def test_batches_are_of_so_many_alerts_at_most(stand: Stand) -> None:
    stand.lane["a"] = {"batch_items": 4, "batch_age": "50ms", "concurrency": 1}
    async with stand.running("a") as hub:
        await stand.accept(*range(1, 11))
        assert await hub.drain(5)
    assert [len(batch) for batch in stand.sink("a").batches] == [4, 4, 2]
    assert stand.sink("a").got == list(range(1, 11))


async def test_batches_are_of_so_many_bytes_at_most(stand: Stand) -> None:
    stand.lane["a"] = {"batch_items": 100, "batch_bytes": 1000, "batch_age": "50ms"}
    async with stand.running("a") as hub:
        await stand.accept(*range(1, 11))
        assert await hub.drain(5)
    sizes = [len(batch) for batch in stand.sink("a").batches]
    assert sum(sizes) == 10
    assert 1 < max(sizes) < 5


async def test_an_incomplete_batch_goes_when_it_is_old_enough(stand: Stand) -> None:
    stand.lane["a"] = {"batch_items": 100, "batch_age": "20ms"}
    async with stand.running("a"):
        await stand.accept(1, 2)
        assert stand.sink("a").tries == []
        await until(lambda: stand.sink("a").got == [1, 2])


async def test_no_more_deliveries_than_allowed_are_in_flight(stand: Stand) -> None:
    stand.lane["a"] = {"concurrency": 3}
    sink = stand.sink("a")
    sink.gate.clear()
    async with stand.running("a") as hub:
        await stand.accept(*range(1, 11))
        await until(lambda: sink.flying == 3)
        assert stand.status("a").in_flight == 3
        assert stand.status("a").depth == 10
        sink.gate.set()
        assert await hub.drain(5)
    assert sink.most_flying == 3
    assert sorted(sink.got) == list(range(1, 11))


async def test_the_oldest_that_waits_may_be_parked(stand: Stand) -> None:
    stand.lane["a"] = {"backoff_first": 0.05, "backoff_max": 0.05}
    sink = stand.sink("a")
    sink.act = Fails(Retryable("not this one"), range(1, 2))
    async with stand.running("a"):
        await stand.accept(1)
        while stand.status("a").retried < 4:  # the breaker closes: the sink works
            await stand.accept(2)
            await asyncio.sleep(0.02)
        await until(lambda: stand.status("a").in_flight == 0)
        age = stand.status("a").oldest_age_secs
        assert age > 0
        await until(lambda: stand.status("a").oldest_age_secs > age)
        sink.act = lambda numbers: None
        await until(lambda: stand.status("a").depth == 0)
        await until(lambda: stand.status("a").oldest_age_secs == 0)


async def test_a_delivery_that_takes_too_long_is_tried_again(stand: Stand) -> None:
    stand.lane["a"] = {"timeout": "20ms"}
    sink = stand.sink("a")
    sink.gate.clear()
    async with stand.running("a"):
        await stand.accept(1)
        await until(lambda: len(sink.tries) >= 2)
        assert stand.status("a").last_error == "no answer within 0.02 s"
        sink.gate.set()
        await until(lambda: sink.got == [1])


@pytest.mark.parametrize("error", [Retryable("HTTP 500"), ValueError("a bug in the sink")])
async def test_what_fails_is_tried_until_it_succeeds_and_counted(
    stand: Stand, error: Exception
) -> None:
    stand.sink("a").act = Fails(error, times=2)
    async with stand.running("a"):
        await stand.accept(1)
        await until(lambda: stand.sink("a").got == [1])
        await until(lambda: stand.status("a").delivered == 1)
        status = stand.status("a")
    assert (status.retried, status.dead, status.depth, status.last_error) == (2, 0, 0, "")
    assert len(stand.sink("a").ids[1]) == 1


async def test_a_hanging_sink_delays_no_other(stand: Stand) -> None:
    stand.lane["hangs"] = {"concurrency": 2}
    stand.sink("hangs").gate.clear()
    stand.sink("fails").act = Fails(Retryable("refused"))
    async with stand.running("hangs", "fails", "works"):
        for first in range(1, 500, 50):
            await stand.accept(*range(first, first + 50))
        await until(lambda: len(stand.sink("works").got) == 500)
        assert stand.status("hangs").depth == 500
        assert stand.status("works").depth == 0


async def test_after_failures_in_a_row_the_lane_pauses_and_tries_one(stand: Stand) -> None:
    stand.lane["a"] = {"breaker_failures": 3, "breaker_pause": "10s", "concurrency": 8}
    sink = stand.sink("a")
    sink.act = Fails(Retryable("HTTP 503"))
    async with stand.running("a"):
        await stand.accept(*range(1, 21))
        await until(lambda: stand.status("a").state == "paused")
        await until(lambda: stand.status("a").in_flight == 0)
        tries = len(sink.tries)
        assert 3 <= tries <= 2 + 8  # two failures in a row, then what is in flight at the third
        await stand.accept(21)
        assert len(sink.tries) == tries
        assert stand.status("a").depth == 21


async def test_a_sink_that_works_again_gets_everything(stand: Stand) -> None:
    stand.lane["a"] = {"breaker_failures": 3, "breaker_pause": "5ms", "concurrency": 8}
    sink = stand.sink("a")
    sink.act = Fails(Retryable("HTTP 503"), times=10)
    async with stand.running("a"):
        await stand.accept(*range(1, 51))
        await until(lambda: stand.status("a").delivered == 50)
        assert stand.status("a").state == "running"
    assert Counter(sink.got) == dict.fromkeys(range(1, 51), 1)


async def test_the_wish_of_the_receiver_to_wait_is_honoured(stand: Stand) -> None:
    sink = stand.sink("a")
    sink.act = Fails(Retryable("HTTP 429", after=0.2), times=1)
    stand.lane["a"] = {"concurrency": 1}
    async with stand.running("a"):
        await stand.accept(1)
        await until(lambda: stand.status("a").retried == 1)
        began = asyncio.get_running_loop().time()
        await stand.accept(2)
        assert len(sink.tries) == 1
        await until(lambda: sorted(sink.got) == [1, 2])
        assert asyncio.get_running_loop().time() - began >= 0.15
        assert stand.status("a").state == "running"  # this is no failure


async def test_an_alert_that_always_fails_holds_up_nobody(stand: Stand) -> None:
    stand.lane["a"] = {"concurrency": 1}
    sink = stand.sink("a")
    sink.act = Fails(Retryable("HTTP 500"), range(1, 2))
    async with stand.running("a"):
        await stand.accept(*range(1, 31))
        await until(lambda: len(sink.got) == 29)
        await until(lambda: sink.tries.count([1]) > 5)
        assert stand.status("a").depth == 1
        sink.act = Fails(Retryable(""), range(0))
        await until(lambda: stand.status("a").depth == 0)
    assert sorted(sink.got) == list(range(1, 31))


async def test_what_the_receiver_will_never_take_is_a_dead_letter_and_the_rest_goes(
    stand: Stand,
) -> None:
    stand.lane["a"] = {"batch_items": 8, "batch_age": "20ms"}
    sink = stand.sink("a")
    sink.act = Fails(Rejected("HTTP 400: no such field"), range(5, 6))
    async with stand.running("a") as hub:
        await stand.accept(*range(1, 9))
        await until(lambda: stand.status("a").depth == 0)
        (letter,) = await hub.desk.dead_letters("a", 10)
        status = stand.status("a")
    assert sorted(sink.got) == [1, 2, 3, 4, 6, 7, 8]
    assert (letter.id, letter.error) == (next(iter(sink.ids[5])), "HTTP 400: no such field")
    assert (status.dead, status.delivered) == (1, 7)


async def test_of_a_batch_that_was_partly_delivered_only_the_rest_is_tried_again(
    stand: Stand,
) -> None:
    def partly(numbers: list[int]) -> None:
        if len(numbers) == 6:
            raise PartlyDelivered({1: Retryable("busy"), 3: Rejected("too long")})

    stand.lane["a"] = {"batch_items": 6, "batch_age": "1s"}
    stand.sink("a").act = partly
    async with stand.running("a") as hub:
        await stand.accept(*range(1, 7))
        await until(lambda: stand.status("a").depth == 0)
        letters = await hub.desk.dead_letters("a", 10)
    assert stand.sink("a").tries[1:] == [[2]]
    assert [letter.seq for letter in letters] == [4]


async def test_a_batch_of_which_all_failed_is_tried_again_as_a_whole(stand: Stand) -> None:
    stand.lane["a"] = {"batch_items": 3, "batch_age": "1s"}
    busy = PartlyDelivered({n: Retryable("busy", after=0.01) for n in range(3)})
    stand.sink("a").act = Fails(busy, times=1)
    async with stand.running("a"):
        await stand.accept(1, 2, 3)
        await until(lambda: stand.status("a").delivered == 3)
    assert stand.sink("a").tries == [[1, 2, 3], [1, 2, 3]]


@pytest.mark.parametrize("lane", [{"attempts": 2}, {"give_up_after": 0}])
async def test_a_lane_gives_up_after_so_many_tries_or_so_long(
    stand: Stand, lane: dict[str, object]
) -> None:
    stand.lane["a"] = lane
    stand.sink("a").act = Fails(Retryable("HTTP 500"))
    async with stand.running("a") as hub:
        await stand.accept(1)
        await until(lambda: stand.status("a").dead == 1)
        (letter,) = await hub.desk.dead_letters(None, 10)
        assert letter.attempts == len(stand.sink("a").tries) == lane.get("attempts", 1)
        assert await hub.drain(1)


async def test_so_many_dead_letters_are_kept_the_newest_and_the_others_are_counted(
    stand: Stand,
) -> None:
    stand.sink("a").act = Fails(Rejected("no"))
    log = LogConfig(max_size=16 * MIB, reserve=0, dead_letters=3)
    async with stand.running("a", log=log) as hub:
        before = metrics.lost.labels("dead letters dropped")._value.get()
        await stand.accept(*range(1, 8))
        await until(lambda: stand.status("a").dead == 7)
        await hub.lanes["a"].trim_dead()
        assert metrics.lost.labels("dead letters dropped")._value.get() == before + 4
        letters = await hub.desk.dead_letters("a", 10)
    assert sorted(letter.seq for letter in letters) == [5, 6, 7]


async def test_a_sink_that_cannot_be_opened_is_opened_again(stand: Stand) -> None:
    stand.sink("a").cannot_open = 1
    async with stand.running("a"):
        await stand.accept(1)
        await until(lambda: stand.status("a").last_error)
        assert stand.status("a").state == "opening"
        assert stand.status("a").last_error == "cannot open: OSError: no way there"
        await until(lambda: stand.sink("a").got == [1])
        assert stand.status("a").state == "running"


async def test_while_a_sink_is_down_its_alerts_wait_on_disk(stand: Stand) -> None:
    stand.sink("a").gate.clear()
    stand.lane["a"] = {"concurrency": 4}
    log = LogConfig(max_size=64 * MIB, reserve=0, lane_memory=20_000)
    async with stand.running("a", log=log) as hub:
        for first in range(1, 2001, 100):
            await stand.accept(*range(first, first + 100))
        held = hub.lanes["a"]._feed._bytes
        assert 0 < held < 2 * 20_000
        assert stand.status("a").depth == 2000
        stand.sink("a").gate.set()
        assert await hub.drain(20)
    assert stand.sink("a").got == list(range(1, 2001))


async def test_what_is_in_flight_or_waits_at_the_end_is_offered_again_and_nothing_else(
    stand: Stand,
) -> None:
    stand.lane["a"] = {"concurrency": 2}
    sink = stand.sink("a")
    async with stand.running("a") as hub:
        await stand.accept(1, 2, 3)
        assert await hub.drain(5)
        sink.gate.clear()
        await stand.accept(*range(4, 11))
        await until(lambda: sink.flying == 2)
        assert not await hub.drain(0.05)
    sink.gate.set()
    async with stand.running("a") as hub:
        assert await hub.drain(5)
    assert sorted(sink.got) == list(range(1, 11))
    assert all(len(ids) == 1 for ids in sink.ids.values())
    assert Counter(n for batch in sink.tries for n in batch)[1] == 1


async def test_what_was_parked_is_tried_after_a_restart(stand: Stand) -> None:
    sink = stand.sink("a")
    sink.act = Fails(Retryable("HTTP 500"), range(1, 2))
    stand.lane["a"] = {"backoff_max": 100, "backoff_first": 0.001}
    async with stand.running("a") as hub:
        await stand.accept(1, 2)
        await until(lambda: sink.got == [2] and stand.status("a").retried >= 3)
        assert await hub.drain(1)
    sink.act = lambda numbers: None
    async with stand.running("a"):
        await until(lambda: sink.got == [2, 1])
        await until(lambda: stand.status("a").depth == 0)
