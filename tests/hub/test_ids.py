from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.hub.ids import id_maker, seq_of

NODES = st.integers(0, 2**34 - 1)
SEQS = st.integers(0, 2**40 - 1)
TIMES = st.integers(0, (2**48 - 1) * 10**6)


@given(NODES, TIMES, SEQS)
def test_an_id_is_a_uuid_of_version_7_with_time_and_place(node: int, at: int, seq: int) -> None:
    made = id_maker(node)(at, seq)
    parsed = uuid.UUID(made)
    assert str(parsed) == made
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == at // 1_000_000
    assert seq_of(made) == seq


@given(NODES, NODES, TIMES, SEQS)
def test_two_logs_never_give_the_same_id(one: int, other: int, at: int, seq: int) -> None:
    assert (id_maker(one)(at, seq) == id_maker(other)(at, seq)) == (one == other)


@given(NODES, TIMES, TIMES, SEQS, SEQS)
def test_ids_sort_by_time_then_place(node: int, t1: int, t2: int, s1: int, s2: int) -> None:
    make = id_maker(node)
    ms1, ms2 = t1 // 1_000_000, t2 // 1_000_000
    assert (make(t1, s1) < make(t2, s2)) == ((ms1, s1) < (ms2, s2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "018f0000-0000-4000-8000-000000000001",  # version 4
        "018f0000-0000-7000-c000-000000000001",  # another variant
        "018F0000-0000-7000-8000-00000000000A",
        "018f0000-0000-7000-8000-000000000001\n",
        "018f000000007000800000000000000001",
    ],
)
def test_what_is_no_id_of_ours_has_no_place(text: str) -> None:
    assert seq_of(text) is None
