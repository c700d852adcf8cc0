"""The tree of routes: order, continue, inheritance, windows."""

from __future__ import annotations

from typing import Any

import pytest

from sidekick.errors import ConfigError
from tests.pipeline.alerts import DAY, Run, pipeline

LANES = ("chat", "mail", "search")


def lanes(route: dict[str, Any], secs: float = 0, **changes: Any) -> tuple[str, ...]:
    sections = {key: changes.pop(key) for key in ("windows", "dedup") if key in changes}
    return Run(LANES, route=route, **sections).see(secs, **changes).lanes


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        ({}, LANES),
        ({"lanes": ["mail"]}, ("mail",)),
        ({"lanes": []}, ()),
        (
            {"lanes": ["mail"], "routes": [{"match": "proc.name = bash", "lanes": ["chat"]}]},
            ("chat",),
        ),
        (
            {"lanes": ["mail"], "routes": [{"match": "proc.name = sh", "lanes": ["chat"]}]},
            ("mail",),
        ),
        ({"lanes": ["mail"], "routes": [{"match": "proc.name = bash"}]}, ("mail",)),
        (
            {
                "routes": [
                    {"match": "proc.name = bash", "lanes": ["chat"], "continue": True},
                    {"match": "alert.priority >= warning", "lanes": ["mail"]},
                    {"lanes": ["search"]},
                ]
            },
            ("chat", "mail"),
        ),
        (
            {"routes": [{"lanes": ["chat"], "routes": [{"match": "proc.name = sh", "lanes": []}]}]},
            ("chat",),
        ),
        ({"routes": [{"min_score": 41, "lanes": ["chat"]}, {"lanes": ["mail"]}]}, ("mail",)),
        ({"routes": [{"min_score": 40, "lanes": ["chat"]}, {"lanes": ["mail"]}]}, ("chat",)),
        (
            {"routes": [{"lanes": ["chat"], "continue": True}, {"lanes": ["chat", "mail"]}]},
            ("chat", "mail"),
        ),
    ],
)
def test_the_first_child_that_matches_takes_an_alert_unless_it_says_continue(
    route: dict[str, Any], wanted: tuple[str, ...]
) -> None:
    assert lanes(route) == wanted


def test_the_assessment_names_the_routes_that_took_it() -> None:
    route = {
        "routes": [
            {"name": "team", "continue": True, "routes": [{"name": "night"}]},
            {"match": "proc.name = bash"},
        ]
    }
    assert Run(LANES, route=route).see(0).assessment.routes == ("/team/night", "/1")


@pytest.mark.parametrize(
    ("tell", "kinds"),
    [
        (None, ["first", "reminder"]),
        (["first"], ["first"]),
        (["first", "repeat", "reminder"], ["first", "repeat", "reminder"]),
    ],
)
def test_a_route_says_which_kinds_it_wants(tell: list[str] | None, kinds: list[str]) -> None:
    route = {"lanes": ["chat"]} | ({"tell": tell} if tell is not None else {})
    run = Run(LANES, route=route, dedup={"remind": {"every": 60}})
    seen = [run.see(secs) for secs in (0, 10, 70)]
    assert [one.assessment.kind for one in seen if one.lanes] == kinds


OFFICE = {"office": [{"weekdays": ["monday:friday"], "times": ["09:00-17:00"]}]}
BY_DAY = {"routes": [{"lanes": ["chat"], "active": ["office"]}]}
BY_NIGHT = {"routes": [{"lanes": ["chat"], "mute": ["office"]}]}


@pytest.mark.parametrize(
    ("route", "secs", "wanted"),
    [
        (BY_DAY, 0, ("chat",)),
        (BY_DAY, -60, ()),
        (BY_DAY, 8 * 3600, ()),
        (BY_DAY, 5 * DAY, ()),
        (BY_NIGHT, 0, ()),
        (BY_NIGHT, -60, ("chat",)),
    ],
)
def test_a_window_opens_and_closes_a_route(
    route: dict[str, Any], secs: float, wanted: tuple[str, ...]
) -> None:
    assert lanes(route, secs, windows=OFFICE) == wanted


def test_what_a_closed_window_keeps_back_says_so() -> None:
    outcome = Run(LANES, route=BY_NIGHT, windows=OFFICE).see(0)
    assert outcome.assessment.silenced_by == "window:office"


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ({"lanes": ["nobody"]}, 'route.lanes.0: no sink is called "nobody"'),
        ({"match": "a.b = 1"}, "route.match: the root takes every alert"),
        ({"routes": [{"match": "a ="}]}, "route.routes.0.match: "),
        ({"routes": [{"active": ["noon"]}]}, 'no window is called "noon"'),
        ({"routes": [{"name": "x"}, {"name": "x"}]}, 'two routes are called "x"'),
        ({"tell": ["never"]}, "route.tell.0: "),
    ],
)
def test_a_tree_that_cannot_work_is_refused(route: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason.replace(".", r"\.")):
        pipeline(LANES, route=route)


def test_a_condition_that_fails_sends_the_alert_to_everybody() -> None:
    run = Run(LANES, route={"routes": [{"match": "proc.name = x", "lanes": []}]})
    routes = run.process._routes

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    routes.decide = broken  # type: ignore[method-assign, assignment]
    assert run.see(0).lanes == LANES
    assert run.process.faults == 1
