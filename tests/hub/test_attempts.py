from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.errors import Rejected, Retryable
from sidekick.hub.attempts import sentence, wait_secs
from sidekick.sinks import LaneConfig


@given(st.floats(0.01, 10), st.floats(0.01, 600), st.integers(1, 10_000))
def test_a_wait_is_between_nothing_and_a_bound_that_doubles_up_to_the_longest(
    first: float, longest: float, attempts: int
) -> None:
    config = LaneConfig(backoff_first=first, backoff_max=longest)
    bound = min(longest, first * 2.0 ** min(attempts, 60))
    assert 0 <= wait_secs(config, attempts, Retryable("HTTP 500")) <= bound


@pytest.mark.parametrize("attempts", [1, 4, 30])
def test_waits_are_spread_over_the_whole_bound(attempts: int) -> None:
    random.seed(attempts)
    config = LaneConfig(backoff_first=1, backoff_max=100)
    bound = min(100, 2**attempts)
    waits = [wait_secs(config, attempts, Retryable("")) for _ in range(1000)]
    assert min(waits) < 0.05 * bound
    assert max(waits) > 0.95 * bound
    assert 0.45 * bound < sum(waits) / 1000 < 0.55 * bound


@pytest.mark.parametrize(("after", "waited"), [(0.0, 0.0), (7.5, 7.5), (1e9, 3600.0)])
def test_the_wish_of_the_receiver_is_taken_up_to_an_hour(after: float, waited: float) -> None:
    config = LaneConfig(backoff_first=1, backoff_max=2)
    assert wait_secs(config, 9, Retryable("HTTP 429", after)) == waited


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Rejected("HTTP 400: no"), "HTTP 400: no"),
        (OSError("no route"), "OSError: no route"),
        (ExceptionGroup("g", [ExceptionGroup("h", [ValueError("x")])]), "ValueError: x"),
    ],
)
def test_an_error_is_put_in_words(error: Exception, text: str) -> None:
    assert sentence(error) == text
