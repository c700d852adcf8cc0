"""Scores: explained to the point, within bounds, and moved only as their parts say."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.model import Assessment, Priority
from sidekick.pipeline.score import BASE, combine
from tests.pipeline.alerts import Run


def assessed(**changes: Any) -> Assessment:
    section = changes.pop("score", {})
    return Run(score=section).see(0, **changes).assessment


def part(found: Assessment, name: str) -> float | None:
    return next((one.points for one in found.parts if one.name == name), None)


@pytest.mark.parametrize("priority", Priority)
def test_without_more_the_priority_is_the_score(priority: Priority) -> None:
    found = assessed(priority=priority.label)
    assert found.score == BASE[priority]
    assert [one.name for one in found.parts] == ["priority"]


@pytest.mark.parametrize(
    ("changes", "name", "up"),
    [
        ({"tags": ("maturity_sandbox",)}, "maturity", False),
        ({"tags": ("mitre_exfiltration",)}, "tactic", True),
        ({"score": {"rules": {"Shell": 0.25}}}, "precision", False),
        ({"score": {"rules": {"Shell": 3}}}, "precision", True),
        (
            {"score": {"assets": [{"name": "money", "match": "proc.name = bash", "factor": 2}]}},
            "asset",
            True,
        ),
    ],
)
def test_a_part_moves_the_score_its_way_and_says_why(
    changes: dict[str, Any], name: str, up: bool
) -> None:
    found = assessed(**changes)
    points = part(found, name)
    assert points is not None
    assert (points > 0) == up
    assert (found.score > BASE[Priority.WARNING]) == up
    assert all(one.why for one in found.parts)


def test_a_floor_holds_and_says_so() -> None:
    floor = {"floors": [{"match": "proc.name = bash", "score": 80}]}
    found = assessed(score=floor)
    assert found.score == 80
    assert part(found, "floor") == 40


def test_what_repeats_often_counts_less() -> None:
    run = Run(dedup={"window": 3600})
    scores = [run.see(n).assessment for n in range(100)]
    assert scores[-1].score < scores[0].score
    assert part(scores[-1], "repetition") is not None


def test_several_rules_and_tactics_on_one_entity_count_more() -> None:
    run = Run()
    fields = {"container.id": "abc", "proc.name": "bash"}
    first = run.see(0, rule="A", fields=fields, tags=("mitre_discovery",))
    second = run.see(60, rule="B", fields=fields, tags=("mitre_exfiltration",)).assessment
    assert part(first.assessment, "several rules") is None
    assert part(second, "several rules") is not None
    assert part(second, "several tactics") is not None
    later = run.see(60 + 3600, rule="C", fields=fields).assessment
    assert part(later, "several rules") is None
    other = run.see(61, rule="D", fields={"container.id": "xyz"}).assessment
    assert part(other, "several rules") is None


def test_switched_off_the_priority_alone_counts() -> None:
    found = assessed(score={"enabled": False}, tags=("mitre_exfiltration",))
    assert [one.name for one in found.parts] == ["priority"]


_FACTORS = st.lists(
    st.tuples(st.text(max_size=5), st.floats(0.05, 20).map(log), st.just("why")), max_size=8
)


@given(st.sampled_from(Priority), _FACTORS)
def test_the_points_sum_to_the_score_which_stays_within_bounds(
    priority: Priority, factors: list[tuple[str, float, str]]
) -> None:
    score, parts = combine(priority, factors)
    assert 0 <= score <= 100
    assert abs(sum(one.points for one in parts) - score) <= 0.5 + 1e-6
    assert all(type(one.points) is float for one in parts)
    assert len(parts) == len(factors) + 1


@given(st.sampled_from(Priority), _FACTORS, st.floats(1, 20).map(log))
def test_one_more_factor_above_one_never_lowers_a_score(
    priority: Priority, factors: list[tuple[str, float, str]], more: float
) -> None:
    assert combine(priority, [*factors, ("x", more, "")])[0] >= combine(priority, factors)[0]
