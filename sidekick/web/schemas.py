"""The answers' shapes in the OpenAPI document: msgspec knows them, FastAPI is told."""

from __future__ import annotations

from typing import Any

import msgspec

from sidekick.hub.view import Entry, LogStats, SilenceStatus
from sidekick.web import replies

_ANSWERS: tuple[type, ...] = (
    Entry,
    LogStats,
    SilenceStatus,
    replies.Count,
    replies.DeadLetters,
    replies.Found,
    replies.Lanes,
    replies.QuarantinedBodies,
    replies.Rates,
    replies.Silences,
    replies.Version,
)
_PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def components() -> dict[str, Any]:
    """The JSON schemas of all answers, by name."""
    _, found = msgspec.json.schema_components(_ANSWERS, ref_template="#/components/schemas/{name}")
    problem = {"title": {"type": "string"}, "status": {"type": "integer"}}
    problem["detail"] = {"type": "string", "description": "One sentence: what is wrong."}
    return found | {"Problem": {"title": "Problem", "type": "object", "properties": problem}}


def answers(kind: type | None, status: int = 200) -> dict[str, Any]:
    """Arguments of a route that say what it answers; None: any JSON."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"} if kind else {}
    good = {"description": "Done", "content": {"application/json": {"schema": schema}}}
    return {"response_model": None, "responses": {status: good, "4XX": _PROBLEM, "5XX": _PROBLEM}}
