from __future__ import annotations

import pytest

from sidekick import errors
from sidekick.errors import ConfigError, PartlyDelivered, Rejected, Retryable


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError(["a: one", "b: two"]), "a: one\nb: two"),
        (errors.InvalidAlert("rule", "it is missing"), "rule: it is missing"),
        (errors.InvalidAlert("", "this is no JSON"), "this is no JSON"),
        (errors.ConditionError('wanted "="', 2, 5), '2:5: wanted "="'),
        (PartlyDelivered({3: Rejected("HTTP 400")}), "1 of the batch failed: HTTP 400"),
    ],
)
def test_an_error_is_a_sentence_with_its_place(error: Exception, text: str) -> None:
    assert str(error) == text
    assert isinstance(error, errors.SidekickError)


def test_the_docstring_draws_every_error() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert errors.__doc__ is not None
    assert {name for name in defined if name not in errors.__doc__} == set()


def test_a_wish_to_wait_is_optional() -> None:
    assert Retryable("busy").after is None
    assert Retryable("busy", 0.0).after == 0.0
