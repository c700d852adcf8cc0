"""The pipeline as a whole: what it explains is what it does, and no fault costs an alert."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.errors import ConfigError
from tests.pipeline.alerts import Run, alert, pipeline

SECTIONS: dict[str, Any] = {
    "dedup": {"window": 60, "remind": {"every": 30}},
    "enrich": {"fields": {"own.team": "x"}},
    "score": {"assets": [{"name": "shop", "match": "k8s.ns.name = shop", "factor": 2}]},
    "silences": [
        {
            "id": "s",
            "match": "alert.rule = Quiet",
            "ends": "2026-01-06T09:01:00Z",
            "comment": "c",
            "creator": "me",
        }
    ],
    "inhibit": [
        {"name": "i", "source": "alert.rule = Cause", "target": "alert.rule = Effect"},
    ],
    "route": {
        "routes": [
            {"match": "alert.priority >= error", "lanes": ["a"], "continue": True},
            {"match": "k8s.ns.name = shop", "lanes": ["b"]},
        ]
    },
}

_ALERTS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(["Shell", "Quiet", "Cause", "Effect"]),
        st.sampled_from(["Warning", "Error"]),
        st.sampled_from(["shop", "bank"]),
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(_ALERTS)
def test_what_is_explained_is_what_happens_and_explaining_changes_nothing(
    events: list[tuple[int, str, str, str]],
) -> None:
    run = Run(**SECTIONS)
    now = 0.0
    for secs, rule, priority, namespace in events:
        now += secs
        found = alert(
            rule, priority, fields={"k8s.ns.name": namespace}, output=f"{now}", time_ns=Run.at(now)
        )
        before = run.process.snapshot()
        explained = run.process.explain(found, Run.at(now))
        assert run.process.snapshot() == before
        assert run.see(now, found) == explained.outcome
    assert run.process.faults == 0


def test_an_explanation_goes_stage_by_stage() -> None:
    found = Run(**SECTIONS).process.explain(alert(fields={"k8s.ns.name": "shop"}), Run.at(0))
    assert [step.stage for step in found.steps] == [
        *("fingerprint", "dedup", "enrich", "score", "silence", "route"),
    ]
    assert all(step.result for step in found.steps)


@pytest.mark.parametrize(
    "stage", ["_score.assess", "_enrich.enrich", "_fingerprints.key", "dedup.see"]
)
def test_a_stage_that_fails_is_left_out_and_the_alert_goes_on(stage: str) -> None:
    run = Run(**SECTIONS)
    owner, name = stage.split(".")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    setattr(getattr(run.process, owner), name, broken)
    outcome = run.see(0, priority="Critical", fields={"k8s.ns.name": "shop"})
    assert outcome.lanes == ("a", "b")
    assert run.process.faults == 1
    assert "broken" in run.process.last_fault


def test_every_fault_of_a_configuration_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        pipeline(
            route={"routes": [{"match": "a ="}, {"lanes": ["x"]}]},
            dedup={"never": ["b ="]},
            score={"floors": [{"match": "c =", "score": 1}]},
        )
    places = [fault.partition(": ")[0] for fault in raised.value.faults]
    assert sorted(places) == [
        *("dedup.never.0", "route.routes.0.match", "route.routes.1.lanes.0"),
        "score.floors.0.match",
    ]


def test_state_that_cannot_be_read_is_left_out() -> None:
    run = Run()
    run.see(0)
    items = run.process.snapshot()
    other = pipeline()
    other.restore([("clock", b"rubbish"), ("dedup/x", b"\xc1"), ("unknown/y", b""), *items])
    assert other.process(alert(output="again"), Run.at(1)).assessment.kind == "repeat"


def test_the_state_is_bounded() -> None:
    run = Run(dedup={"limit": 50}, score={"entities": 50})
    for n in range(500):
        run.see(n / 100, rule=f"rule {n}", fields={"container.id": f"c{n}", "fd.name": f"/{n}x"})
    assert len(run.process.snapshot()) <= 50 + 50 + 50 + 1
