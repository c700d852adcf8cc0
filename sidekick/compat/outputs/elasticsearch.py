"""Elasticsearch."""

from __future__ import annotations

from typing import Any

from sidekick.compat.key import Key, Output, as_truth, comma_list
from sidekick.compat.outputs._common import http


def _rotation(suffix: str) -> Any:
    return "yearly" if suffix == "annually" else suffix


def _count(text: str) -> Any:
    """What is not positive is falcosidekick's default."""
    return int(text) if int(text) > 0 else 3


OUTPUT = Output(
    "elasticsearch",
    "elasticsearch",
    ("hostport",),
    (
        Key("hostport", "urls", "addresses", convert=comma_list),
        Key("index", "index", default="falco", written=True),
        Key(
            "type",
            default="_doc",
            needless="Elasticsearch 8 and newer have no types",
        ),
        Key(
            "suffix",
            "rotate",
            default="daily",
            convert=_rotation,
            differs="The alert's own time chooses the index, not the clock.",
        ),
        Key("pipeline", "pipeline"),
        Key("apikey", "api_key", unless=("username", "password"), secret=True),
        Key("username", "user", when=("password",)),
        Key("password", "password", when=("username",), secret=True),
        Key(
            "flattenfields",
            "flatten_fields",
            default="false",
            convert=as_truth,
        ),
        Key("enablecompression", "gzip", default="false", convert=as_truth),
        Key(
            "createindextemplate",
            "setup",
            default="false",
            convert=as_truth,
            also=("flatten_fields",),
            differs="The template is `sidekick-INDEX`; output_fields become one field of the "
            "type `flattened` there.",
        ),
        Key(
            "numberofshards",
            "shards",
            default="3",
            convert=_count,
            when=("createindextemplate",),
            written=True,
        ),
        Key(
            "numberofreplicas",
            "replicas",
            default="3",
            convert=_count,
            when=("createindextemplate",),
            written=True,
        ),
        Key(
            "batching.enabled",
            default="false",
            needless="alerts always go in batches here, up to 500 or 5 MiB each 0.1 s",
        ),
        Key(
            "batching.batchsize",
            "lane.batch_bytes",
            default="5242880",
            convert=int,
            when=("batching.enabled",),
        ),
        Key(
            "batching.flushinterval",
            "lane.batch_age",
            default="1s",
            when=("batching.enabled",),
            differs="Ours waits 0.1 s when it is not set.",
        ),
        *http(),
    ),
    note="What one alert is refused for concerns that alert alone, and is a dead letter "
    "(`sidekick dead list`); falcosidekick counts it as ok.",
)
