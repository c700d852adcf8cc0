"""Silences and inhibitions: what is kept in the log but told to nobody, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from sidekick.errors import ConfigError
from sidekick.pipeline.process import Process
from tests.pipeline.alerts import NS, START, Run, pipeline

SILENCE = {
    "id": "upgrade",
    "match": "alert.rule = Shell",
    "starts": "2026-01-06T09:00:00Z",
    "ends": "2026-01-06T10:00:00Z",
    "comment": "node upgrade",
    "creator": "ops",
}


def add(process: Process, **changes: Any) -> str:
    given: dict[str, Any] = {
        "match": "alert.rule = Shell",
        "starts_ns": START,
        "ends_ns": START + 60 * NS,
        "comment": "c",
        "creator": "me",
        "now_ns": START,
    } | changes
    return process.silences.add(**given).id


def test_a_silence_holds_what_matches_while_it_lasts() -> None:
    run = Run(silences=[SILENCE], dedup={"enabled": False})
    held = run.see(1)
    assert (held.lanes, held.assessment.silenced_by) == ((), "silence:upgrade")
    assert run.see(1, rule="Other").lanes == ("a", "b")
    assert run.see(-1).lanes == ("a", "b")
    assert run.see(3600).lanes == ("a", "b")


def test_the_first_alert_after_a_silence_is_told_though_its_window_is_open() -> None:
    run = Run(silences=[SILENCE], dedup={"window": 7200, "max_window": 7200})
    assert run.kinds(3000, 3500) == ["first", "repeat"]
    told = run.see(3601)
    assert (told.assessment.kind, told.lanes) == ("first", ("a", "b"))


def test_a_silence_made_while_running_survives_a_restart_and_can_be_ended() -> None:
    run = Run(dedup={"enabled": False})
    name = add(run.process)
    assert run.see(1).lanes == ()
    run.restart()
    assert run.see(2).assessment.silenced_by == f"silence:{name}"
    run.process.silences.expire(name, Run.at(3))
    assert run.see(4).lanes == ("a", "b")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"match": "a ="}, "match: "),
        ({"ends_ns": START - NS}, "end"),
        ({"comment": " "}, "comment"),
        ({"creator": ""}, "creator"),
        ({"ends_ns": START + 500 * 86_400 * NS}, "366"),
    ],
)
def test_a_silence_without_what_people_need_later_is_refused(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        add(pipeline(), **changes)


def test_two_silences_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="upgrade"):
        pipeline(silences=[SILENCE, SILENCE])


INHIBIT = {
    "name": "node-down",
    "source": "alert.rule = Drained",
    "target": "alert.priority <= warning",
    "equal": ["k8s.node.name"],
    "window": "10m",
}


def on(node: str) -> dict[str, Any]:
    return {"fields": {"k8s.node.name": node, "proc.name": "x"}}


def test_an_alert_is_held_while_one_that_explains_it_is_fresh() -> None:
    run = Run(inhibit=[INHIBIT], dedup={"enabled": False})
    assert run.see(0, rule="Drained", priority="Error", **on("n1")).lanes == ("a", "b")
    held = run.see(10, **on("n1"))
    assert (held.lanes, held.assessment.silenced_by) == ((), "inhibit:node-down")
    assert run.see(10, **on("n2")).lanes == ("a", "b")
    assert run.see(10, priority="Critical", **on("n1")).lanes == ("a", "b")
    assert run.see(601, **on("n1")).lanes == ("a", "b")


def test_an_alert_that_is_source_and_target_does_not_hold_itself() -> None:
    run = Run(inhibit=[INHIBIT | {"source": "proc.name = x"}], dedup={"enabled": False})
    assert run.see(0, **on("n1")).lanes == ("a", "b")


def test_an_inhibition_survives_a_restart() -> None:
    run = Run(inhibit=[INHIBIT], dedup={"enabled": False})
    run.see(0, rule="Drained", priority="Error", **on("n1"))
    run.restart()
    assert run.see(10, **on("n1")).lanes == ()


def test_two_inhibitions_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="name of its own"):
        pipeline(inhibit=[INHIBIT, INHIBIT])
