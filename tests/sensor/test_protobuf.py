from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.sensor.protobuf import Message, encode

NUMBERS = st.integers(1, 2**20)
VALUES = st.one_of(st.integers(0, 2**64 - 1), st.text())


@given(st.dictionaries(NUMBERS, VALUES))
def test_what_is_encoded_is_read_again(fields: dict[int, str | int | bytes]) -> None:
    found = Message(encode(fields))
    for number, value in fields.items():
        read = found.number(number) if isinstance(value, int) else found.text(number)
        assert read == value


@given(st.binary(max_size=64))
def test_what_is_no_message_is_told(data: bytes) -> None:
    try:
        found = Message(data)
    except ValueError:
        return
    assert found.number(1) >= 0
    assert isinstance(found.text(1), str)


def test_the_example_of_the_format() -> None:
    assert Message(b"\x08\x96\x01").number(1) == 150
    assert Message(b"\x12\x07testing").text(2) == "testing"


def test_what_is_absent_is_empty() -> None:
    found = Message()
    assert (found.number(1), found.text(1), found.each(1), found.texts(1)) == (0, "", (), {})
    assert found.inner(1).inner(2).text(3) == ""


def test_what_is_of_another_type_than_wanted_is_empty() -> None:
    found = Message(encode({1: "text", 2: 5}))
    assert (found.number(1), found.text(2)) == (0, "")


def test_of_a_field_that_is_there_twice_the_last_counts_and_each_is_there() -> None:
    found = Message(encode({1: encode({1: "a"})}) + encode({1: encode({1: "b"})}))
    assert found.inner(1).text(1) == "b"
    assert [each.text(1) for each in found.each(1)] == ["a", "b"]


def test_fields_of_fixed_size_are_passed_over() -> None:
    assert Message(b"\x09" + b"\0" * 8 + b"\x15" + b"\0" * 4 + b"\x18\x07").number(3) == 7


def test_a_text_that_is_not_utf8_is_shown_as_far_as_it_is() -> None:
    assert Message(encode({1: b"a\xff"})).text(1) == "a\ufffd"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x08", "has no end"),
        (b"\x08" + b"\xff" * 11, "has no end"),
        (b"\x0a\x05ab", "is cut short"),
        (b"\x0b", "wanted a wire type of protobuf, found 3"),
    ],
)
def test_the_fault_of_what_is_no_message(data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Message(data)
