from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidekick.hub.breaker import Breaker


def _open(pause: float = 5, longest: float = 60) -> Breaker:
    """A breaker that three failures opened at the time 0."""
    breaker = Breaker(3, pause, longest)
    for _ in range(3):
        breaker.failed(0)
    return breaker


def test_a_breaker_lets_all_through_until_enough_failed_in_a_row() -> None:
    breaker = Breaker(3, 5, 60)
    breaker.failed(0)
    breaker.failed(0)
    assert breaker.allowed(0, in_flight=10)
    assert not breaker.is_open
    breaker.failed(0)
    assert breaker.is_open
    assert not breaker.allowed(4.9, in_flight=0)


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = Breaker(2, 5, 60)
    breaker.failed(0)
    assert not breaker.succeeded()
    breaker.failed(0)
    assert not breaker.is_open


def test_after_the_pause_one_delivery_at_a_time_is_tried() -> None:
    breaker = _open()
    assert breaker.opens_at() == 5
    assert breaker.allowed(5, in_flight=0)
    assert not breaker.allowed(5, in_flight=1)


def test_a_success_closes_an_open_breaker_and_forgets_the_long_pause() -> None:
    breaker = _open()
    breaker.failed(5)
    assert breaker.succeeded()
    assert breaker.allowed(15, in_flight=100)
    for _ in range(3):
        breaker.failed(20)
    assert breaker.opens_at() == 25


@given(st.floats(0.1, 10), st.floats(0, 100), st.integers(1, 20))
def test_the_pause_doubles_up_to_the_longest(pause: float, longest: float, trials: int) -> None:
    breaker, now, expected = _open(pause, longest), 0.0, pause
    for _ in range(trials):
        now = breaker.opens_at()
        breaker.failed(now)
        expected = min(2 * expected, max(pause, longest))
        assert breaker.opens_at() == now + expected


def test_failures_of_what_was_in_flight_when_it_opened_do_not_lengthen_the_pause() -> None:
    breaker = _open()
    for _ in range(20):
        breaker.failed(1)
    assert breaker.opens_at() == 5


def test_a_hold_lets_nothing_through_and_is_never_shortened() -> None:
    breaker = Breaker(3, 5, 60)
    breaker.hold(0, 30)
    breaker.hold(0, 10)
    assert not breaker.allowed(29.9, in_flight=0)
    assert not breaker.is_open
    assert breaker.allowed(30, in_flight=5)
    breaker.hold(40, 60)
    for _ in range(3):
        breaker.failed(41)
    assert breaker.opens_at() == 100
