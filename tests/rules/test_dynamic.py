"""Checks of values whose type is known only when they come, as in an alert's output fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rules.compile import compile_condition
from sidekick.rules.dynamic import dynamic_pair_test, dynamic_test
from sidekick.rules.fields import FieldKind, FieldType, Shape

_KIND = FieldKind(FieldType.DYNAMIC)


def holds(operator: str, texts: list[str], value: Any, modifier: str = "") -> bool:
    return dynamic_test(operator, modifier, texts, _KIND, Shape.ONE)(value)


@pytest.mark.parametrize(
    ("operator", "texts", "value", "wanted"),
    [
        # Text compares as text, numbers as numbers, and neither as the other.
        ("=", ["5"], "5", True),
        ("=", ["5"], 5, True),
        ("=", ["5"], 5.0, True),
        ("=", ["5.5"], 5.5, True),
        ("=", ["0x10"], 16, True),
        ("=", ["x"], 5, False),
        ("!=", ["x"], 5, True),
        ("<", ["5"], 4, True),
        ("<", ["5"], 4.9, True),
        ("<", ["5"], "4", True),
        (">=", ["1e3"], 1000, True),
        ("=", ["true"], True, True),
        ("=", ["1"], True, False),
        ("=", ["true"], "true", True),
        ("!=", ["true"], False, True),
        ("<", ["1"], False, False),
        # An operator that the value's type does not have is false.
        ("contains", ["4"], 42, False),
        ("startswith", ["t"], True, False),
        ("glob", ["*"], 5, False),
        # A list has membership only; every value, or one of them.
        ("in", ["a", "b"], ["a", "b"], True),
        ("in", ["a", "b"], ["a", "c"], False),
        ("in", ["1", "2"], [1, 2], True),
        ("in", ["a"], [], False),
        ("intersects", ["a", "b"], ["c", "b"], True),
        ("intersects", ["a"], [], False),
        ("=", ["a"], ["a"], False),
        # What is no value at all.
        ("exists", [], None, False),
        ("exists", [], [], False),
        ("exists", [], "", True),
        ("exists", [], 0, True),
        ("exists", [], {"a": 1}, True),
        ("=", ["a"], {"a": 1}, False),
        ("in", [], "a", False),
    ],
)
def test_the_value_decides_how_it_is_compared(
    operator: str, texts: list[str], value: Any, wanted: bool
) -> None:
    assert holds(operator, texts, value) is wanted


@pytest.mark.parametrize(
    ("operator", "modifier", "texts", "value", "wanted"),
    [
        ("=", "anyof", ["1", "x"], 1, True),
        ("=", "allof", ["1", "x"], 1, False),
        ("!=", "allof", ["2", "x"], 1, True),
        ("!=", "anyof", ["1", "x"], 1, True),
        ("!=", "oneof", ["1", "x"], 1, True),
        ("!=", "oneof", ["2", "x"], 1, False),
        ("<", "allof", ["5", "7"], 4, True),
        ("contains", "anyof", ["a", "b"], "xb", True),
    ],
)
def test_a_modifier_counts_constants_of_another_type_as_different(
    operator: str, modifier: str, texts: list[str], value: Any, wanted: bool
) -> None:
    assert holds(operator, texts, value, modifier) is wanted


_VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "5", "true"])
_TEXTS = st.lists(st.sampled_from(["a", "5", "-1", "true", ""]), max_size=3)


@given(_TEXTS, _VALUES)
def test_in_is_equality_with_one_of_them(texts: list[str], value: Any) -> None:
    assert holds("in", texts, value) == any(holds("=", [text], value) for text in texts)


@given(st.sampled_from(["a", "5", "-1", "true"]), _VALUES)
def test_unequal_is_not_equal_but_for_null(text: str, value: Any) -> None:
    equal, unequal = holds("=", [text], value), holds("!=", [text], value)
    assert unequal == (value is not None and not equal)


@given(_VALUES, _VALUES)
def test_two_values_are_equal_when_they_are_of_one_type_and_equal(left: Any, right: Any) -> None:
    equal = dynamic_pair_test("=")(left, right)
    assert equal == (left is not None and type(left) is type(right) and left == right)


@pytest.mark.parametrize(
    ("operator", "left", "right", "wanted"),
    [
        ("<", 1, 2.5, True),
        ("startswith", "abc", "ab", True),
        ("startswith", 12, 1, False),
        ("in", ["a"], ["a", "b"], True),
        ("in", ["a", "c"], ["a", "b"], False),
        ("intersects", ["a", "c"], ["a"], True),
        ("=", ["a"], ["a"], False),
    ],
)
def test_two_values_compare_by_their_own_type(
    operator: str, left: Any, right: Any, wanted: bool
) -> None:
    assert dynamic_pair_test(operator)(left, right) is wanted


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [
        # Falco's JSON has these as text or number, as it likes; they mean the same.
        ("proc.pid = 7", 7, True),
        ("proc.pid = 7", "7", True),
        ("proc.pid > 6", "7", True),
        ("proc.pid = 7", "seven", False),
        ("fd.sport = https", 443, True),
        ("fd.sport in (http, https)", "443", True),
        ("fd.sip = 10.0.0.1", "10.0.0.1", True),
        ("fd.snet in (10.0.0.0/8)", "10.9.9.9", True),
        ("fd.snet in (10.0.0.0/8)", "<NA>", False),
        ("evt.is_open_read = true", True, True),
        ("evt.is_open_read = true", "true", True),
        ("proc.name = cat", "cat", True),
        ("proc.name = 5", 5, True),
    ],
)
def test_a_known_field_of_an_alert_is_read_as_its_type(text: str, value: Any, wanted: bool) -> None:
    condition = compile_condition(text)
    (name,) = condition.fields
    assert condition({name: value}) is wanted
