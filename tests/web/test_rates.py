from __future__ import annotations

import asyncio
import itertools

import pytest

from sidekick import metrics
from sidekick.web.rates import KEPT, Counts, Rates, Sample, read_counters

SECOND = 10**9


def sample(time_ns: int, n: float = 0, **rules: float) -> Sample:
    """A sample in which everything has been counted ``n`` times."""
    x: Counts = {("x",): n}
    by_rule: Counts = {(rule, "syscall", "Notice"): count for rule, count in rules.items()}
    return Sample(time_ns, x, x, x, x, x, x, silenced={(): n}, rules=by_rule)


def rates_of(*samples: Sample) -> Rates:
    """Rates that have taken these samples; the last is what the counters say now."""
    coming = iter(samples)
    rates = Rates(lambda now_ns: next(coming))
    for _ in samples[:-1]:
        rates.take(0)
    return rates


def test_before_the_first_sample_there_are_no_rates() -> None:
    found = rates_of(sample(5 * SECOND, 100)).over(60, 10, 5 * SECOND)
    assert (found.seconds, found.received, found.lost) == (0.0, {"x": 0.0}, {"x": 0})


def test_rates_are_the_change_by_the_seconds() -> None:
    found = rates_of(sample(0, 10), sample(10 * SECOND, 60)).over(60, 10, 10 * SECOND)
    assert (found.seconds, found.received, found.delivered) == (10.0, {"x": 5.0}, {"x": 5.0})
    assert (found.silenced, found.lost) == (50, {"x": 50})


def test_the_window_is_rounded_up_to_whole_samples() -> None:
    samples = [sample(n * 5 * SECOND, n) for n in range(5)]
    assert rates_of(*samples).over(7, 10, 20 * SECOND).seconds == 10.0


def test_a_window_longer_than_the_samples_begins_at_the_oldest() -> None:
    samples = [sample(n * 5 * SECOND, n) for n in range(5)]
    assert rates_of(*samples).over(3600, 10, 20 * SECOND).seconds == 20.0


def test_a_clock_that_was_set_back_gives_no_nonsense() -> None:
    found = rates_of(sample(100 * SECOND, 1), sample(SECOND, 2)).over(60, 10, SECOND)
    assert (found.seconds, found.received) == (0.0, {"x": 0.0})


def test_the_busiest_rules_of_the_window_come_first() -> None:
    before, now = sample(0, a=1000, b=0), sample(10 * SECOND, a=1001, b=30, c=20)
    found = rates_of(before, now).over(60, 2, 10 * SECOND)
    assert [(r.rule, r.count, r.per_second) for r in found.rules] == [
        ("b", 30, 3.0),
        ("c", 20, 2.0),
    ]


def test_a_rule_that_was_not_seen_in_the_window_is_left_out() -> None:
    found = rates_of(sample(0, a=7), sample(SECOND, a=7)).over(60, 10, SECOND)
    assert found.rules == []


def test_samples_are_bounded() -> None:
    rates = Rates(lambda now_ns: sample(now_ns))
    for n in range(KEPT + 10):
        rates.take(n * SECOND)
    assert rates.over(3600, 0, (KEPT + 9) * SECOND).seconds == KEPT - 1


async def test_sampling_goes_on_until_cancelled() -> None:
    times = itertools.count()
    taken = asyncio.Event()

    def read(now_ns: int) -> Sample:
        if now_ns == 3:
            taken.set()
        return sample(now_ns)

    sampling = asyncio.create_task(Rates(read).keep_sampling(0.001, lambda: next(times)))
    await asyncio.wait_for(taken.wait(), 10)
    sampling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sampling


def test_counters_are_added_up_over_labels_that_do_not_matter() -> None:
    before = read_counters(0).received.get(("rates-test",), 0)
    metrics.received.labels("falco", "rates-test").inc(2)
    metrics.received.labels("kafka", "rates-test").inc(3)
    assert read_counters(0).received[("rates-test",)] - before == 5
