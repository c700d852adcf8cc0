"""The API's documentation: a page of our own that calls no other host, and openapi.json."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import RedirectResponse, Response

from sidekick.web.schemas import components

_PAGES = {
    "/docs": ("docs.html", "text/html"),
    "/static/docs.js": ("docs.js", "text/javascript"),
    "/static/docs.css": ("docs.css", "text/css"),
}
OPEN_PATHS = frozenset({"/", "/openapi.json", *_PAGES})
"""What needs no token: it says nothing of this installation."""


def add_docs(app: FastAPI) -> None:
    """Serve the documentation of all routes that the application has by then."""
    for path, (name, media_type) in _PAGES.items():
        app.add_api_route(path, _page(name, media_type), include_in_schema=False)
    app.add_api_route("/", _to_docs, include_in_schema=False)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]


async def _to_docs() -> Response:
    return RedirectResponse("/docs")


def _page(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def page() -> Response:
        body = (files("sidekick.web") / "static" / name).read_bytes()
        return Response(body, media_type=media_type)

    return page


def _description(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        description = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        parts = description.setdefault("components", {})
        parts.setdefault("schemas", {}).update(components())
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = description | {"security": [{"token": []}]}
    return app.openapi_schema
