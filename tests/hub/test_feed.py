from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.errors import LogUnreadable
from sidekick.hub.archive import Archive
from sidekick.hub.feed import Feed
from sidekick.model import Envelope, Priority

SIZE = 100


def envelope(seq: int, size: int = SIZE) -> Envelope:
    """An alert of so many bytes."""
    return Envelope(seq, f"id-{seq}", Priority.NOTICE, 0, "f", b"x" * size, received_ns=seq)


class Disk:
    """The log of a lane as the feed sees it; a read can be held up at ``gate``."""

    def __init__(self) -> None:
        self.alerts: list[Envelope] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0
        self.damage: LogUnreadable | None = None

    @property
    def head(self) -> int:
        return self.alerts[-1].seq if self.alerts else 0

    async def run(self, function: Callable[[], Any]) -> Any:
        if self.damage is not None:
            raise self.damage
        result = function()
        self.reads += 1
        await self.gate.wait()
        return result

    def lane_envelopes(
        self, bit: int, first: int, last: int, items: int, size: int
    ) -> tuple[list[Envelope], int]:
        found = [e for e in self.alerts if first <= e.seq <= last]
        fitting = found[: min(items, max(1, size // SIZE))]
        return fitting, fitting[-1].seq + 1 if len(fitting) < len(found) else last + 1


class Stand:
    """A feed over such a disk."""

    def __init__(self, memory: int = 10 * SIZE, position: int = 1) -> None:
        self.disk = Disk()
        self.called = 0
        self.faults: list[str] = []
        self.feed = Feed(
            *(cast(Archive, self.disk), 0, position, memory, lambda: self.disk.head),
            on_more=self._more,
            on_fault=self.faults.append,
        )

    def _more(self) -> None:
        self.called += 1

    def commit(self, *seqs: int) -> None:
        """What a commit of these alerts does."""
        self.disk.alerts += [envelope(seq) for seq in seqs]
        for one in self.disk.alerts[len(self.disk.alerts) - len(seqs) :]:
            self.feed.push(one, 0.0)

    async def start(self) -> None:
        self.feed.start()
        await self.settle()

    async def settle(self) -> None:
        """Let the reads that were started end."""
        for _ in range(5):
            await asyncio.sleep(0)

    def take(self, items: int = 10_000, size: int = 10**9) -> list[int]:
        return [e.seq for e in self.feed.take(items, size, 0.0)] if self.ready() else []

    def ready(self) -> bool:
        return self.feed.ready(1, 1, 0.0, 0.0)


async def test_a_lane_that_keeps_up_is_fed_from_memory() -> None:
    stand = Stand()
    await stand.start()
    reads = stand.disk.reads
    stand.commit(1, 2, 3)
    assert stand.take() == [1, 2, 3]
    assert stand.disk.reads == reads
    assert stand.feed.caught_up
    assert stand.feed.next_seq == 4


async def test_what_was_committed_before_the_start_is_read() -> None:
    stand = Stand(position=2)
    stand.commit(1, 2, 3)
    assert not stand.ready()
    assert not stand.feed.caught_up
    assert stand.feed.next_seq == 2
    await stand.start()
    assert stand.take() == [2, 3]
    assert stand.called == 1
    assert stand.feed.caught_up


async def test_what_is_beyond_the_memory_is_read_from_disk_when_the_queue_runs_low() -> None:
    stand = Stand(memory=10 * SIZE)
    await stand.start()
    stand.commit(*range(1, 101))
    got = stand.take(items=4)
    stand.feed.refill()
    await stand.settle()
    assert stand.feed.next_seq == 5
    while not stand.feed.caught_up:
        got += stand.take(items=7)
        stand.feed.refill()
        await stand.settle()
    assert got == list(range(1, 101))


async def test_a_lane_that_takes_nothing_holds_only_so_much_in_memory() -> None:
    stand = Stand(memory=10 * SIZE)
    stand.commit(*range(1, 500))
    await stand.start()
    stand.commit(*range(500, 1000))
    await stand.settle()
    assert stand.take() == list(range(1, 11))


async def test_what_is_committed_during_a_read_follows_it() -> None:
    stand = Stand()
    stand.commit(1)
    stand.disk.gate.clear()
    await stand.start()
    stand.commit(2, 3)
    assert stand.feed.next_seq == 1
    stand.disk.gate.set()
    await stand.settle()
    assert stand.take() == [1, 2, 3]
    assert stand.feed.caught_up


async def test_too_much_during_a_read_stays_on_disk() -> None:
    stand = Stand(memory=10 * SIZE)
    stand.commit(1)
    stand.disk.gate.clear()
    await stand.start()
    stand.commit(*range(2, 3000))
    stand.disk.gate.set()
    await stand.settle()
    assert stand.take() == [1]
    assert stand.feed.next_seq == 2
    assert not stand.feed.caught_up


async def test_closing_ends_a_read() -> None:
    stand = Stand()
    stand.commit(1)
    stand.disk.gate.clear()
    await stand.start()
    await stand.feed.close()
    assert stand.feed.next_seq == 1


@pytest.mark.parametrize(
    ("items", "size", "expected"),
    [(2, 10**6, [1, 2]), (9, 250, [1, 2]), (9, 300, [1, 2, 3]), (9, 1, [1]), (9, 10**6, [1, 2, 3])],
)
async def test_a_batch_has_at_most_so_many_alerts_and_bytes_but_one(
    items: int, size: int, expected: list[int]
) -> None:
    stand = Stand()
    await stand.start()
    stand.commit(1, 2, 3)
    assert stand.take(items, size) == expected


async def test_a_batch_that_cannot_grow_in_memory_does_not_wait_for_its_age() -> None:
    stand = Stand(memory=4 * SIZE)
    await stand.start()
    stand.commit(1, 2, 3)
    assert not stand.feed.ready(100, 10**6, 60.0, 0.0)
    stand.commit(4, 5, 6)
    assert stand.feed.ready(100, 10**6, 60.0, 0.0)


async def test_a_batch_is_ready_when_it_is_full_or_old_enough() -> None:
    stand = Stand()
    await stand.start()
    feed = stand.feed
    assert not feed.ready(1, 1, 0.0, now=99.0)
    assert feed.ready_at(5.0) is None
    feed.push(envelope(1), 10.0)
    feed.push(envelope(2), 14.0)
    assert feed.ready_at(5.0) == 15.0
    assert not feed.ready(3, 1000, 5.0, now=14.9)
    assert feed.ready(3, 1000, 5.0, now=15.0)
    assert feed.ready(2, 1000, 5.0, now=14.0)
    assert feed.ready(3, 200, 5.0, now=14.0)
    assert feed.oldest_ns == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(1, 30)),
        st.tuples(st.just("take"), st.integers(1, 20)),
        st.tuples(st.sampled_from(["hold", "release", "settle"]), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 12))
def test_whatever_happens_each_alert_is_fed_once_and_in_order(
    steps: list[tuple[str, int]], memory: int
) -> None:
    asyncio.run(_each_once(steps, memory * SIZE))


async def _each_once(steps: list[tuple[str, int]], memory: int) -> None:
    stand, number, got = Stand(memory), 0, list[int]()
    stand.feed.start()
    for step, count in [*steps, ("release", 0)]:
        if step == "commit":
            stand.commit(*range(number + 1, number + count + 1))
            number += count
        elif step == "take":
            got += stand.take(count)
            stand.feed.refill()
        elif step == "settle":
            await stand.settle()
        else:
            stand.disk.gate.set() if step == "release" else stand.disk.gate.clear()
        assert got == list(range(1, stand.feed.next_seq))
    for _ in range(1000):
        await stand.settle()
        if stand.feed.caught_up:
            break
        got += stand.take()
        stand.feed.refill()
    assert got == list(range(1, number + 1))


async def test_a_read_that_fails_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sidekick.hub.feed._AGAIN_SECS", 0.05)
    stand = Stand()
    stand.commit(1, 2)
    stand.disk.damage = LogUnreadable("the alert log cannot be read: it is malformed")
    await stand.start()
    assert stand.faults == ["the alert log cannot be read: it is malformed"]
    stand.disk.damage = None
    stand.feed.refill()
    assert stand.disk.reads == 0, "not again at once"
    while not stand.called:  # as the lane's pump is
        await asyncio.sleep(0.01)
    stand.feed.refill()
    while not stand.ready():
        await asyncio.sleep(0.01)
    assert stand.take() == [1, 2]
