"""Repeats: windows, reminders, digests, and that nothing vanishes without being told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sidekick.model import Outcome
from sidekick.pipeline.dedup_config import DedupConfig
from tests.pipeline.alerts import Run, alert


def test_a_window_ends_after_a_pause_and_at_the_latest_after_a_while() -> None:
    run = Run(dedup={"window": 60, "max_window": 150, "remind": {"every": 0}})
    assert run.kinds(0, 30, 89) == ["first", "repeat", "repeat"]
    assert run.kinds(150) == ["first"], "61 s after the last one"
    assert run.kinds(200, 250, 299) == ["repeat"] * 3
    assert run.kinds(300.5) == ["first"], "the window was 150 s long"


def test_a_repeat_is_counted_and_told_to_nobody() -> None:
    run = Run()
    run.see(0)
    told = run.see(5)
    assert told.lanes == ()
    assert (told.assessment.count, told.assessment.kind) == (2, "repeat")
    assert told.assessment.first_seen_ns == Run.at(0)
    assert told.assessment.last_seen_ns == Run.at(5)


@pytest.mark.parametrize(
    ("remind", "times", "reminders"),
    [
        ({"every": 60, "growth": 1}, range(0, 200, 20), [60, 120, 180]),
        ({"every": 60, "growth": 2}, range(0, 500, 20), [60, 180, 420]),
        ({"every": 60, "growth": 2, "longest": 100}, range(0, 400, 20), [60, 160, 260, 360]),
        ({"every": 0, "count": 3, "growth": 1}, range(0, 100, 10), [30, 60, 90]),
        ({"every": 0}, range(0, 500, 10), []),
    ],
)
def test_reminders_come_by_time_or_by_number(
    remind: dict[str, Any], times: range, reminders: list[int]
) -> None:
    run = Run(dedup={"remind": remind})
    kinds = dict(zip(times, run.kinds(*times), strict=True))
    assert [secs for secs, kind in kinds.items() if kind == "reminder"] == reminders


def test_a_closing_digest_tells_what_was_held_back() -> None:
    run = Run(dedup={"window": 60, "remind": {"every": 0}})
    assert run.kinds(0, 10, 20) == ["first", "repeat", "repeat"]
    assert run.due(79) == []
    (digest,) = run.due(81)
    assert digest.assessment.kind == "digest"
    assert digest.assessment.count == 3
    assert digest.assessment.first_seen_ns == Run.at(0)
    assert digest.assessment.last_seen_ns == Run.at(20)
    assert digest.lanes == ("a", "b")
    assert run.due(82) == []


def test_an_alert_that_stands_for_many_counts_as_many() -> None:
    run = Run(dedup={"window": 60, "remind": {"every": 0}})
    assert run.see(0, fields={"evt.count": 3}).assessment.kind == "first"
    told = run.see(10, fields={"evt.count": 40_000})
    assert (told.assessment.kind, told.assessment.count) == ("repeat", 40_003)
    (digest,) = run.due(81)
    assert digest.assessment.count == 40_003
    assert digest.alert.output.startswith("40000 more at ")


def test_many_at_once_reach_the_number_for_a_reminder() -> None:
    run = Run(dedup={"remind": {"every": 0, "count": 100, "growth": 1}})
    assert run.see(0, fields={"evt.count": 1}).assessment.kind == "first"
    assert run.see(1, fields={"evt.count": 99}).assessment.kind == "repeat"
    assert run.see(2, fields={"evt.count": 500}).assessment.kind == "reminder"


def test_without_dedup_an_alert_still_says_how_many_it_stands_for() -> None:
    run = Run(dedup={"enabled": False})
    assert run.see(0, fields={"evt.count": 7}).assessment.count == 7


@pytest.mark.parametrize("odd", [0, -1, "7", 1.5, True, 10**30, None])
def test_what_is_no_count_counts_as_one(odd: object) -> None:
    assert alert(fields={"evt.count": odd}).count == 1


def test_a_window_in_which_all_was_told_ends_without_a_word() -> None:
    run = Run(dedup={"window": 60})
    run.see(0)
    assert run.due(61) == []


def test_too_many_windows_close_the_one_nearest_its_end_with_its_digest() -> None:
    run = Run(dedup={"limit": 2, "remind": {"every": 0}})
    run.kinds(0, 1, rule="A")
    run.kinds(2, rule="B")
    run.see(3, rule="C")
    (digest,) = run.due(3)
    assert digest.alert.rule == "A"
    assert run.process.dedup.evicted == 1


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"fields": {"proc.name": "bash", "user.name": "eve"}}, "reminder"),
        ({"fields": {"proc.name": "bash", "user.name": "root"}}, "repeat"),
        (
            {"priority": "Critical", "fields": {"proc.name": "bash", "user.name": "root"}},
            "reminder",
        ),
    ],
)
def test_what_is_new_about_a_repeat_is_told_at_once(changed: dict[str, Any], kind: str) -> None:
    run = Run()
    run.see(0, fields={"proc.name": "bash", "user.name": "root"})
    assert run.see(1, **changed).assessment.kind == kind


def test_an_alert_that_is_sent_again_to_the_letter_is_never_a_reminder() -> None:
    run = Run(dedup={"remind": {"every": 10, "growth": 1}})
    same = alert()
    kinds = [run.see(secs, same).assessment.kind for secs in (0, 20, 40)]
    assert kinds == ["first", "repeat", "repeat"]


def test_some_alerts_are_always_told_and_some_have_other_windows() -> None:
    run = Run(
        dedup={
            "window": 60,
            "never": ["alert.rule = Always"],
            "rules": [{"match": "alert.priority >= critical", "window": 10}],
        }
    )
    assert run.kinds(0, 1, rule="Always") == ["first", "first"]
    assert run.kinds(0, 15, rule="Severe", priority="Critical") == ["first", "first"]
    assert run.kinds(0, 15) == ["first", "repeat"]


def test_switched_off_every_alert_is_told() -> None:
    assert Run(dedup={"enabled": False}).kinds(0, 0, 0) == ["first"] * 3


def test_a_clock_that_is_stepped_back_neither_ends_nor_prolongs_a_window() -> None:
    run = Run(dedup={"window": 60, "remind": {"every": 0}})
    assert run.kinds(0, -3600 + 10) == ["first", "repeat"]
    assert run.kinds(-3600 + 50) == ["repeat"]
    (digest,) = run.due(-3600 + 120)
    assert digest.assessment.count == 3


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["alert", "alert", "alert", "due", "restart"]),
        st.integers(0, 90),
        st.sampled_from(["A", "B", "C"]),
        st.booleans(),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(_EVENTS, st.sampled_from([{"every": 0}, {"every": 30}, {"every": 0, "count": 2}]))
def test_every_alert_is_told_or_counted_in_what_is_told(
    events: list[tuple[str, int, str, bool]], remind: dict[str, int]
) -> None:
    """Firsts, reminders and digests together account for each alert, over restarts, full tables
    and a clock that is stepped back an hour."""
    run = Run(dedup={"window": 60, "max_window": 300, "limit": 2, "remind": remind})
    now, sent, told = 0.0, 0, 0

    def account(outcome: Outcome) -> int:
        """How many alerts this telling newly accounts for."""
        held = outcome.assessment.kind
        if held == "repeat":
            pending[outcome.alert.rule] = pending.get(outcome.alert.rule, 0) + 1
            return 0
        before = pending.pop(outcome.alert.rule, 0)
        return before + (0 if held == "digest" else 1)

    pending: dict[str, int] = {}
    for what, secs, rule, back in events:
        now += secs - (3600 if back and secs == 90 else 0)
        if what == "alert":
            sent += 1
            told += account(run.see(now, alert(rule)))
        elif what == "due":
            told += sum(account(digest) for digest in run.due(now))
        else:
            run.restart()
    told += sum(account(digest) for digest in run.due(now + 10_000))
    assert told == sent
    assert pending == {}


@settings(max_examples=80, deadline=None)
@given(_EVENTS)
def test_a_restart_changes_nothing(events: list[tuple[str, int, str, bool]]) -> None:
    kept, restarted = Run(dedup={"window": 60}), Run(dedup={"window": 60})
    now = 0.0
    for what, secs, rule, _ in events:
        now += secs
        if what == "restart":
            restarted.restart()
        elif what == "due":
            assert kept.due(now) == restarted.due(now)
        else:
            assert kept.see(now, alert(rule)) == restarted.see(now, alert(rule))


@pytest.mark.parametrize(
    "wrong", [{"window": 0}, {"limit": 0}, {"rules": [{"match": "a.b = 1", "max_window": 0}]}]
)
def test_a_window_of_no_length_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DedupConfig.model_validate(wrong)
