"""Sets of event types: the algebra, against sets of the types that exist."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rules.event_types import ALL_TYPES, EVENT_TYPES, NO_TYPES, TypeSet
from tests.rules.loading import RULE, good

_OF_OFFICIAL_RULES = """
accept accept4 bpf chmod connect creat dup dup2 dup3 execve execveat fchmod fchmodat
finit_module init_module link linkat listen mkdir mkdirat open openat openat2 ptrace recvfrom
recvmsg rename renameat renameat2 rmdir sendmsg sendto setns setuid socket symlink symlinkat
unlink unlinkat unshare userfaultfd
"""
_NAMES = st.sets(st.sampled_from(["open", "openat", "close", "execve", "connect"]))
_SETS = st.builds(TypeSet, _NAMES.map(frozenset), st.booleans())


def members(types: TypeSet) -> frozenset[str]:
    return EVENT_TYPES - types.names if types.inverted else types.names


@given(_SETS, _SETS)
def test_sets_of_types_are_sets(one: TypeSet, other: TypeSet) -> None:
    assert members(one & other) == members(one) & members(other)
    assert members(one | other) == members(one) | members(other)
    assert members(~one) == EVENT_TYPES - members(one)
    assert one.known() == members(one)
    assert all((name in one) == (name in members(one)) for name in EVENT_TYPES)


def test_all_and_none_hold_what_has_no_name_yet_too() -> None:
    assert "a_future_call" in ALL_TYPES
    assert "a_future_call" not in NO_TYPES
    assert ALL_TYPES.every
    assert not NO_TYPES.every
    assert not TypeSet(frozenset({"open"}), True).every


def test_all_that_the_official_rules_ask_for_exist() -> None:
    wanted = _OF_OFFICIAL_RULES.split()
    assert len(wanted) == 41
    assert set(wanted) <= EVENT_TYPES
    assert {"procexit", "switch", "pluginevent", "asyncevent", "clone3"} <= EVENT_TYPES


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("evt.type = open", "open"),
        ("evt.type == open", "open"),
        ("evt.type in (open, openat)", "open openat"),
        ("not evt.type = open", "-open"),
        ("evt.type != open", "-open"),
        ("not evt.type in (open, openat)", "-open openat"),
        ("not evt.type != open", "open"),
        ("proc.name = cat", "-"),
        ("not proc.name = cat", "-"),
        ("evt.type exists", "-"),
        ("not evt.type exists", ""),
        ("evt.type = open and proc.name = cat", "open"),
        ("evt.type = open or proc.name = cat", "-"),
        ("evt.type = open or evt.type = close", "open close"),
        ("evt.type = open and evt.type = close", ""),
        ("evt.type in (open, openat) and not evt.type = open", "openat"),
        ("not (evt.type = open and proc.name = cat)", "-"),
        ("not (evt.type = open or proc.name = cat)", "-open"),
        ("(evt.type = open and fd.num = 1) or (evt.type = close and fd.num = 1)", "open close"),
        ("not (not (evt.type = open))", "open"),
        ("evt.type contains open", "-"),
        ("evt.type startswith open", "-"),
        ("not evt.type startswith open", "-"),
        ("evt.type = val(proc.name)", "-"),
        ("evt.num = 0", "-"),
    ],
)  # fmt: skip
def test_a_condition_has_the_types_for_which_it_can_hold(condition: str, wanted: str) -> None:
    rules = good(RULE.replace("evt.type = open and proc.name = cat", condition))
    inverted = wanted.startswith("-")
    names = frozenset(wanted.removeprefix("-").split())
    assert rules.rules[0].types == TypeSet(names, inverted)
