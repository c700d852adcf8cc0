"""falcosidekick's least priorities."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidekick.pipeline.route import RouteConfig
from tests.compat.loading import WEBHOOK, loaded


def test_a_threshold_is_a_route_and_the_test_alert_passes_it(tmp_path: Path) -> None:
    text = WEBHOOK + "  minimumpriority: critical\nloki: {hostport: 'http://l'}\n"
    route = loaded(tmp_path, text).route
    assert [(r.name, r.lanes, r.continue_) for r in route.routes] == [
        ("webhook", ("webhook",), True),
        ("others", ("loki",), False),
    ]
    assert route.routes[0].match == 'alert.priority >= critical or alert.rule = "Test rule"'


@pytest.mark.parametrize(("priority", "told"), [("", 0), ("info", 1), ("loud", 1)])
def test_a_threshold_that_falcosidekick_does_not_know_lets_everything_pass(
    tmp_path: Path, priority: str, told: int
) -> None:
    settings = loaded(tmp_path, WEBHOOK + f"  minimumpriority: '{priority}'\n")
    assert settings.route == RouteConfig()
    assert ["every alert pass" in warning for warning in settings.warnings] == [True] * told
