"""Alertmanager."""

from __future__ import annotations

from typing import Any

from sidekick.compat.key import Key, Output, comma_list, lower
from sidekick.compat.outputs._common import http


def _path(text: str) -> Any:
    return "/api/v2/alerts" if text == "/api/v1/alerts" else text


def _seconds(text: str) -> Any:
    return f"{int(text)}s"


def _steps(text: str) -> Any:
    """ "10000:critical, 10:warning" as our list."""
    pairs = [item.partition(":") for item in comma_list(text)]
    return [{"above": int(above), "priority": priority.strip()} for above, _, priority in pairs]


OUTPUT = Output(
    "alertmanager",
    "alertmanager",
    ("hostport",),
    (
        Key(
            "hostport",
            "urls",
            "addresses",
            convert=comma_list,
            differs="Each gets all alerts; delivered is what one of them took.",
        ),
        Key(
            "endpoint",
            "path",
            default="/api/v2/alerts",
            convert=_path,
            differs="/api/v1/alerts, which Alertmanager has no more, is /api/v2/alerts.",
        ),
        Key(
            "expiresafter",
            "resolve_after",
            default="0",
            convert=_seconds,
            written=True,
            note="Seconds; 0 leaves the end to Alertmanager.",
        ),
        Key("extralabels", "labels", "map"),
        Key("extraannotations", "annotations", "map"),
        Key("customseveritymap", "severities", "map"),
        Key("dropeventdefaultpriority", "drop_priority", default="critical", convert=lower),
        Key(
            "dropeventthresholds",
            "drop_thresholds",
            default="10000:critical, 1000:critical, 100:critical, 10:warning, 1:warning",
            convert=_steps,
        ),
        *http(),
    ),
    note="`evt.time` is no label (`label_skip`): with it each alert would be another one to "
    "Alertmanager.",
)
