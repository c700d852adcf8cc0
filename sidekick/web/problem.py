"""Errors of the admin API as problem documents (RFC 9457): one sentence for a person."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidekick import metrics
from sidekick.errors import ConditionError, ConfigError, InvalidAlert, LogUnreadable, Shed

log = logging.getLogger(__name__)


def problem(status: int, detail: str, **more: Any) -> Response:
    """The answer for an error; ``more`` are further keys of the document."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json")


def handle_errors(app: FastAPI) -> None:
    """Give the application one way to answer each kind of error."""
    handlers: dict[Any, Callable[[Request, Any], Any]] = {
        HTTPException: _http,
        RequestValidationError: _invalid,
        ConditionError: _condition,
        InvalidAlert: _alert,
        ConfigError: _config,
        Shed: _shed,
        LogUnreadable: _unreadable,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _http(request: Request, error: HTTPException) -> Response:
    detail = error.detail
    if error.status_code == 404 and detail == "Not Found":
        detail = f"there is nothing at {request.url.path}; /docs lists what there is"
    answer = problem(error.status_code, detail)
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    faults = [f"{_place(e)}: {_reason(e)}" for e in error.errors()]
    return problem(422, "; ".join(faults), faults=faults)


def _place(fault: dict[str, Any]) -> str:
    first, *inner = fault["loc"]
    return str(first) if fault["type"] == "json_invalid" else ".".join(map(str, inner)) or first


def _reason(fault: dict[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"this is not JSON: {fault['ctx']['error']}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


async def _condition(request: Request, error: ConditionError) -> Response:
    return problem(400, f"the condition is faulty at {error}", line=error.line, column=error.column)


async def _alert(request: Request, error: InvalidAlert) -> Response:
    return problem(400, f"this is no alert: {error}", field=error.field)


async def _config(request: Request, error: ConfigError) -> Response:
    return problem(422, "; ".join(error.faults), faults=list(error.faults))


async def _shed(request: Request, error: Shed) -> Response:
    return problem(503, str(error))


async def _unreadable(request: Request, error: LogUnreadable) -> Response:
    log.error(str(error), extra={"path": request.url.path})
    return problem(503, f"{error}; `sidekick doctor` says more")


class Faults:
    """ASGI middleware that answers what nobody foresaw, and writes it to sidekick's own log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on; an answer that has begun is broken off instead of a problem."""
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            metrics.faults.labels("admin").inc()
            log.exception("a call of the admin API failed", extra={"path": scope["path"]})
            answer = problem(500, "something went wrong inside sidekick; its log says what")
            await answer(scope, receive, send)
