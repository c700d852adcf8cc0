"""What the Elasticsearch sink sets up on request: an index template and a lifecycle policy.

The template keeps the number of fields small whatever comes: ``output_fields`` is one
``flattened`` field (``output_fields.proc.name : bash`` finds alerts; numbers compare as text), and
keys that nobody foresaw are kept in the document but not indexed.
"""

from __future__ import annotations

from typing import Any

# A keyword longer than Lucene's 32,766 bytes would have the whole document refused.
_KEYWORD = {"type": "keyword", "ignore_above": 2048}
_FLATTENED = {"type": "flattened", "ignore_above": 4096}
_MAPPINGS: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "@timestamp": {"type": "date"},
        "uuid": _KEYWORD,
        "output": {"type": "text"},
        "priority": _KEYWORD,
        "rule": _KEYWORD,
        "time": {"type": "keyword", "index": False},
        "source": _KEYWORD,
        "tags": _KEYWORD,
        "hostname": _KEYWORD,
        "output_fields": _FLATTENED,
        "sidekick": {
            "dynamic": False,
            "properties": {
                "fingerprint": _KEYWORD,
                "kind": _KEYWORD,
                "count": {"type": "long"},
                "first_seen": {"type": "long"},
                "last_seen": {"type": "long"},
                "score": {"type": "short"},
                "parts": {
                    "properties": {
                        "name": _KEYWORD,
                        "points": {"type": "float"},
                        "why": {"type": "text", "index": False},
                    }
                },
                "routes": _KEYWORD,
                "silenced_by": _KEYWORD,
            },
        },
    },
}


def template(
    index: str, *, data_stream: bool, dated: bool, policy: str, replicas: int | None, shards: int
) -> dict[str, Any]:
    """The composable index template of ``PUT /_index_template``; ``policy`` may be empty."""
    settings: dict[str, Any] = {"number_of_shards": shards}
    if replicas is not None:
        settings["number_of_replicas"] = replicas
    if policy:
        settings["index.lifecycle.name"] = policy
    found: dict[str, Any] = {
        "index_patterns": [f"{index}-*" if dated else index],
        "priority": 200,
        "template": {"settings": settings, "mappings": _MAPPINGS},
        "_meta": {"managed_by": "sidekick"},
    }
    return found | {"data_stream": {}} if data_stream else found


def policy(*, rollover: bool, max_age: str, max_size: str, keep: str) -> dict[str, Any]:
    """The lifecycle policy of ``PUT /_ilm/policy``; ``keep`` may be empty: nothing is deleted."""
    phases: dict[str, Any] = {"hot": {"actions": {}}}
    if rollover:
        limits = {"max_age": max_age, "max_primary_shard_size": max_size}
        phases["hot"]["actions"]["rollover"] = limits
    if keep:
        phases["delete"] = {"min_age": keep, "actions": {"delete": {}}}
    return {"policy": {"phases": phases, "_meta": {"managed_by": "sidekick"}}}
