"""Grafana Loki."""

from __future__ import annotations

from sidekick.compat.key import Key, Output, distinct
from sidekick.compat.outputs._common import http

OUTPUT = Output(
    "loki",
    "loki",
    ("hostport",),
    (
        Key("hostport", "url", "addresses"),
        Key("endpoint", "path", default="/loki/api/v1/push"),
        Key("user", "user", when=("apikey",)),
        Key("apikey", "password", when=("user",), secret=True),
        Key("tenant", "tenant", secret=True),
        Key("format", "line", default="text", written=True),
        Key(
            "extralabels",
            "label_fields",
            "labels",
            convert=distinct,
            note="Beside falcosidekick's own labels and the fields of `customfields` and "
            "`templatedfields`.",
            differs="A field has 10,000 values at most as a label, further ones are `other`.",
        ),
        *http(),
    ),
    (
        ("labels", {}, "falcosidekick has no label `job`"),
        ("label_values", 10_000, "falcosidekick has no bound; Loki pays for each value"),
    ),
)
