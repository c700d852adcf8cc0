"""Alertmanager."""

from __future__ import annotations

from typing import Any

from sidekick.compat.key import Key, Output
from sidekick.compat.outputs._common import comma_list, http


def _seconds(text: str) -> Any:
    return float(text) or None


OUTPUT = Output(
    "alertmanager",
    "alertmanager",
    ("hostport",),
    (
        Key(
            "hostport",
            "urls",
            convert=comma_list,
            differs="Each gets all alerts; delivered is what one of them took.",
        ),
        Key(
            "endpoint",
            default="/api/v2/alerts",
            needless="it is always /api/v2/alerts; Alertmanager has no other since 0.27",
        ),
        Key(
            "expiresafter",
            "resolve_after",
            default="0",
            convert=_seconds,
            note="Seconds.",
            differs="Without it an alert is resolved an hour after it was last told.",
        ),
        Key("extralabels", "labels", "map"),
        Key("extraannotations", "annotations", "map"),
        Key("customseveritymap", kind="map", missing="the label severity is as by default"),
        Key("dropeventdefaultpriority", default="critical", missing="priorities stay as they are"),
        Key(
            "dropeventthresholds",
            default="10000:critical, 1000:critical, 100:critical, 10:warning, 1:warning",
            missing="priorities stay as they are",
        ),
        *http(),
    ),
)
