"""The Grafana dashboards, and their queries as Grafana would send them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[2] / "config" / "grafana" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))

_VARIABLES = {
    "$__rate_interval": "30s",
    "$__range_s": "600",
    "$__range": "10m",
    "$__interval": "15s",
}
"""What Grafana puts in, on a dashboard that shows 10 minutes."""


class Query(NamedTuple):
    """A PromQL query of a panel."""

    panel: str
    expression: str
    is_range: bool


def read(file: Path) -> dict[str, Any]:
    """A dashboard."""
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels but the headings of rows."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel


def queries(file: Path) -> list[Query]:
    """The PromQL queries, every variable at "All"."""
    dashboard = read(file)
    names = [one["name"] for one in dashboard["templating"]["list"]]
    return [
        Query(panel["title"], _filled_in(target["expr"], names), target["range"])
        for panel in panels(dashboard)
        for target in panel["targets"]
        if "expr" in target
    ]


def _filled_in(expression: str, variables: list[str]) -> str:
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    for name in variables:
        expression = expression.replace(f"${name}", ".*")
    return expression
