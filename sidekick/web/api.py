"""The admin API, /api/v1: what the hub has and does, and the calls that change it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sidekick import __version__
from sidekick.errors import ConfigError
from sidekick.hub.view import Entry, LogStats, SilenceStatus
from sidekick.section import parse_duration
from sidekick.web import replies
from sidekick.web.masking import masked
from sidekick.web.moment import parse_moment, parse_span
from sidekick.web.parts import Match, Parts
from sidekick.web.rates import Rates
from sidekick.web.schemas import answers

MAX_RESULTS = 10_000
_ENCODE = msgspec.json.encode
_ALERT_BODY = {
    "description": "An alert as Falco sends it; read as tolerantly as where alerts come in.",
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object", "description": "An alert as Falco sends it."},
            "example": {
                "time": "2026-01-31T12:00:00.000000000Z",
                "rule": "Terminal shell in container",
                "priority": "Notice",
                "source": "syscall",
                "output": "A shell was spawned in a container",
                "output_fields": {"container.id": "3ad7b26ded6d", "proc.name": "bash"},
            },
        }
    },
}

Condition = Annotated[
    str, Query(max_length=20_000, description="A condition in Falco's language; empty: all.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_RESULTS, description="How many at most.")]
Since = Annotated[str, Query(description='How long ago ("1h", "2d") or an RFC 3339 time.')]


class ReplayRequest(BaseModel):
    """What to send again, and by which lane."""

    model_config = ConfigDict(extra="forbid")
    lane: str
    since: str = Field(description='How long ago ("1h", "2d") or an RFC 3339 time.')
    until: str = "now"
    match: str = Field("", max_length=20_000)


class DeadRequest(BaseModel):
    """Which dead letters: those with these ids, of this lane, or of every lane for none."""

    model_config = ConfigDict(extra="forbid")
    lane: str | None = None
    ids: list[str] | None = Field(None, max_length=MAX_RESULTS, description="None: all of them.")


class SilenceRequest(BaseModel):
    """Which alerts to hold back from every lane, for how long and why."""

    model_config = ConfigDict(extra="forbid")
    match: str = Field(min_length=1, max_length=20_000)
    starts: str = Field("now", description='In how long ("1h") or an RFC 3339 time.')
    ends: str = Field(description='In how long ("2h", "7d") or an RFC 3339 time.')
    comment: str = Field(min_length=1, max_length=2000)
    creator: str = Field(min_length=1, max_length=200)


def reply(data: Any, status: int = 200) -> Response:
    """The answer that carries this data as JSON."""
    return Response(_ENCODE(data), status, media_type="application/json")


def moment(name: str, text: str, now_ns: int, *, ahead: bool = False) -> int:
    """The time in a parameter of that name; anything else is answered with 422."""
    try:
        return parse_moment(text, now_ns, ahead=ahead)
    except ValueError as error:
        raise HTTPException(422, f"{name}: {error}") from None


def span(since: str, until: str, now_ns: int) -> tuple[int, int]:
    """The times of two parameters; anything else is answered with 422."""
    try:
        return parse_span(since, until, now_ns)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


def predicate(parts: Parts, text: str) -> Match | None:
    """The predicate of a condition, None for an empty one; raises ``ConditionError``."""
    return parts.compile(text) if text.strip() else None


def alert_routes(parts: Parts) -> APIRouter:
    """Searching and reading the log."""
    router = APIRouter(tags=["alerts"])
    hub = parts.hub

    @router.get("/log", **answers(LogStats))
    async def log() -> Response:
        """The log's size and what it spans."""
        return reply(await hub.stats())

    @router.get("/alerts", **answers(replies.Found))
    async def search(
        match: Condition = "", since: Since = "1h", until: Since = "now", limit: Limit = 100
    ) -> Response:
        """Alerts received in that time that match the condition, newest first."""
        now = parts.clock_ns()
        since_ns, until_ns = span(since, until, now)
        found = await hub.search(predicate(parts, match), since_ns, until_ns, limit)
        return reply(replies.Found(alerts=list(found)))

    @router.get("/alerts/{id}", **answers(Entry))
    async def find(id: str) -> Response:
        """One alert."""
        if (entry := await hub.find(id)) is None:
            raise HTTPException(404, f'there is no alert "{id[:60]}" in the log')
        return reply(entry)

    return router


def lane_routes(parts: Parts) -> APIRouter:
    """Lanes, dead letters, the quarantine and sending again."""
    router = APIRouter(tags=["lanes"])
    hub = parts.hub

    def known(lane: str | None) -> None:
        if lane is not None and lane not in hub.lanes:
            names = ", ".join(sorted(hub.lanes)) or "none"
            raise HTTPException(404, f'there is no lane "{lane[:60]}"; the lanes are: {names}')

    @router.get("/lanes", **answers(replies.Lanes))
    async def lanes() -> Response:
        """What each lane does and has yet to do."""
        return reply(replies.Lanes(lanes=[lane.status() for lane in hub.lanes.values()]))

    @router.post("/replay", **answers(replies.Count))
    async def replay(request: ReplayRequest) -> Response:
        """Send alerts from the log again by one lane; gives how many were queued."""
        known(request.lane)
        now = parts.clock_ns()
        since_ns, until_ns = span(request.since, request.until, now)
        match = predicate(parts, request.match)
        return reply(replies.Count(count=await hub.replay(since_ns, until_ns, request.lane, match)))

    @router.get("/dead", **answers(replies.DeadLetters))
    async def dead(lane: str | None = None, id: str | None = None, limit: Limit = 100) -> Response:
        """What lanes gave up on, newest first: of every lane or of one, all or one alert."""
        known(lane)
        found = await hub.dead_letters(lane, limit, id)
        return reply(replies.DeadLetters(dead_letters=list(found)))

    @router.post("/dead/retry", **answers(replies.Count))
    async def retry(request: DeadRequest) -> Response:
        """Let their lanes try dead letters again; gives how many."""
        known(request.lane)
        return reply(replies.Count(count=await hub.retry_dead(request.lane, request.ids)))

    @router.post("/dead/drop", **answers(replies.Count))
    async def drop(request: DeadRequest) -> Response:
        """Forget dead letters; gives how many."""
        known(request.lane)
        return reply(replies.Count(count=await hub.drop_dead(request.lane, request.ids)))

    @router.get("/quarantine", **answers(replies.QuarantinedBodies))
    async def quarantine(limit: Limit = 100) -> Response:
        """What was posted and is no alert, newest first."""
        bodies = list(await hub.quarantined(limit))
        return reply(replies.QuarantinedBodies(quarantined=bodies))

    return router


def silence_routes(parts: Parts) -> APIRouter:
    """Silences."""
    router = APIRouter(tags=["silences"])
    hub = parts.hub

    @router.get("/silences", **answers(replies.Silences))
    async def silences() -> Response:
        """All silences, those that have ended lately too."""
        return reply(replies.Silences(silences=list(hub.silences())))

    @router.post("/silences", status_code=201, **answers(SilenceStatus, 201))
    async def add(request: SilenceRequest) -> Response:
        """Hold back from every lane what matches; the log still keeps it."""
        now = parts.clock_ns()
        starts_ns = moment("starts", request.starts, now, ahead=True)
        ends_ns = moment("ends", request.ends, now, ahead=True)
        silence = await hub.add_silence(
            request.match, starts_ns, ends_ns, request.comment, request.creator
        )
        return reply(silence, 201)

    @router.delete("/silences/{id}", **answers(SilenceStatus))
    async def expire(id: str) -> Response:
        """End a silence now."""
        try:
            silence = await hub.expire_silence(id)
        except ConfigError as error:
            raise HTTPException(409, str(error)) from None
        if silence is None:
            raise HTTPException(404, f'there is no silence "{id[:60]}"')
        return reply(silence)

    return router


def hub_routes(parts: Parts, rates: Rates) -> APIRouter:
    """The hub itself: its rates, configuration and version."""
    router = APIRouter(tags=["hub"])

    @router.get("/rates", **answers(replies.Rates))
    async def rates_(
        window: Annotated[str, Query(description="At most five minutes.")] = "1m",
        top: Annotated[int, Query(ge=0, le=1000, description="How many rules.")] = 20,
    ) -> Response:
        """What came and went lately, and the rules seen most."""
        try:
            seconds = parse_duration(window)
        except ValueError as error:
            raise HTTPException(422, f"window: {error}") from None
        return reply(rates.over(seconds, top, parts.clock_ns()))

    @router.post("/explain", openapi_extra={"requestBody": _ALERT_BODY}, **answers(None))
    async def explain(request: Request, at: Since = "now") -> Response:
        """Stage by stage, what would happen to this alert and why; nothing is changed or sent."""
        at_ns = moment("at", at, parts.clock_ns())
        return reply(parts.explain(await request.body(), at_ns))

    @router.post("/reload", **answers(replies.Count))
    async def reload() -> Response:
        """Read the configuration file again; it is applied only when all of it is right."""
        await parts.reload()
        return reply(replies.Count(count=len(parts.hub.lanes)))

    @router.get("/config", **answers(None))
    async def config() -> Response:
        """The configuration in force; secrets are masked."""
        return reply(masked(parts.settings()))

    @router.get("/version", **answers(replies.Version))
    async def version() -> Response:
        """Which sidekick this is, and since when it runs."""
        return reply(
            replies.Version(
                version=__version__, started_ns=parts.started_ns, now_ns=parts.clock_ns()
            )
        )

    return router
