"""The admin application: the API under /api/v1 and its documentation under /docs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from sidekick import __version__
from sidekick.web import api, live
from sidekick.web.admin import AdminConfig
from sidekick.web.docs import add_docs
from sidekick.web.guard import Guard
from sidekick.web.parts import AdminHub, Match, Parts
from sidekick.web.problem import Faults, handle_errors
from sidekick.web.rates import Rates

SAMPLE_SECS = 5.0


def create_app(
    hub: AdminHub,
    config: AdminConfig,
    *,
    compile: Callable[[str], Match],
    record: Callable[[bytes], Mapping[str, Any]],
    explain: Callable[[bytes, int], Any],
    reload: Callable[[], Awaitable[None]],
    settings: Callable[[], BaseModel],
    clock_ns: Callable[[], int] = time.time_ns,
    started_ns: int | None = None,
) -> ASGIApp:
    """The ASGI application; what the functions do is written at ``Parts``.

    Its lifespan keeps the samples for the rates, so the server must run it. ``started_ns`` is when
    the hub started; when not given: now.
    """
    parts = Parts(
        hub=hub,
        compile=compile,
        record=record,
        explain=explain,
        reload=reload,
        settings=settings,
        clock_ns=clock_ns,
        started_ns=clock_ns() if started_ns is None else started_ns,
    )
    rates = Rates(started_ns=started_ns)
    app = FastAPI(
        title="sidekick",
        version=__version__,
        description="The admin API of a sidekick hub.",
        docs_url=None,
        redoc_url=None,
        lifespan=_sampling(rates, clock_ns),
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        middleware=[Middleware(Guard, config=config), Middleware(Faults)],
    )
    handle_errors(app)
    _add_routes(app, parts, rates)
    add_docs(app)
    return app


def _sampling(rates: Rates, clock_ns: Callable[[], int]) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sampling = asyncio.create_task(rates.keep_sampling(SAMPLE_SECS, clock_ns))
        yield
        sampling.cancel()

    return lifespan


def _add_routes(app: FastAPI, parts: Parts, rates: Rates) -> None:
    routers = (
        live.live_routes(parts),  # before /alerts/{id}, which would take its path
        api.alert_routes(parts),
        api.lane_routes(parts),
        api.silence_routes(parts),
        api.hub_routes(parts, rates),
    )
    for router in routers:
        app.include_router(router, prefix="/api/v1")
