"""The alert rules, and cases about them that Prometheus' own tool plays through."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.servers import places
from tests.servers.ahead import NICE

FOLDER = Path(__file__).parents[2] / "config" / "prometheus"
FILES = ("sidekick.rules.yaml", "falcosidekick.rules.yaml")


class Case(NamedTuple):
    """What is scraped every minute, and what fires at a time.

    ``series`` are in promtool's notation: "0+1x10" is 0, 1 ... 10, "_" a missing sample. ``firing``
    is the selector of the one alert that fires (``lane="slack"``), None for none.
    """

    alert: str
    what: str
    series: Mapping[str, str]
    at: str
    firing: str | None


def rules(kind: str = "alert") -> list[dict[str, Any]]:
    """All rules of the kind, ``alert`` or ``record``."""
    files = [yaml.safe_load((FOLDER / name).read_text()) for name in FILES]
    return [r for file in files for group in file["groups"] for r in group["rules"] if kind in r]


def play(cases: Sequence[Case], folder: Path) -> str:
    """What ``promtool test rules`` says of the cases; "" when all are as expected."""
    promtool = places.program("promtool")
    assert promtool, "promtool is not installed: run tests/servers/install.py"
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(_tests(cases)))
    done = subprocess.run(
        [*NICE, promtool, "test", "rules", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _tests(cases: Sequence[Case]) -> dict[str, Any]:
    return {
        "rule_files": [str(FOLDER / name) for name in FILES],
        "evaluation_interval": "1m",
        "tests": [
            {
                "name": f"{case.alert}: {case.what}",
                "interval": "1m",
                "input_series": [
                    {"series": series, "values": values} for series, values in case.series.items()
                ],
                "promql_expr_test": [_expected(case)],
            }
            for case in cases
        ],
    }


def _expected(case: Case) -> dict[str, Any]:
    firing = f'ALERTS{{alertname="{case.alert}",alertstate="firing"'
    if case.firing is None:
        expression, value = f"count({firing}}}) or vector(0)", 0
    else:
        # One alert fires, and it is the one with these labels.
        expression, value = f"count({firing}}}) + count({firing},{case.firing}}})", 2
    return {
        "expr": expression,
        "eval_time": case.at,
        "exp_samples": [{"labels": "{}", "value": value}],
    }
