"""Who may call the admin API: Host and Origin checks, the bearer token, a bound on bodies."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidekick.web.admin import AdminConfig, is_loopback
from sidekick.web.docs import OPEN_PATHS
from sidekick.web.problem import problem

BODY_LIMIT = 1024 * 1024
"""Bytes of a request's body."""
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """ASGI middleware that lets through only callers who may use the admin API."""

    def __init__(self, app: ASGIApp, config: AdminConfig) -> None:
        self._app = app
        self._token = config.token.get_secret_value().encode() if config.token else None
        self._loopback = is_loopback(config.address)
        self._hosts = {host.lower() for host in config.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or hand the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["path"], headers)
        handler = refusal or self._app
        await handler(scope, _bounded(receive, headers), _hardened(send))

    def _refusal(self, path: str, headers: Mapping[str, str]) -> Response | None:
        host = _host_name(headers.get("host", ""))
        if self._loopback and not (is_loopback(host) or host in self._hosts):
            return problem(
                421,
                f'this listener is for this machine only and was called as "{host[:100]}": '
                "call it as 127.0.0.1, or name the host in admin.hosts",
            )
        if path in OPEN_PATHS:
            return None
        if _foreign(headers):
            return problem(403, "a page of another site may not call the admin API")
        if self._token is not None and not self._known(headers):
            answer = problem(401, "the call needs the admin token: Authorization: Bearer TOKEN")
            answer.headers["www-authenticate"] = "Bearer"
            return answer
        return None

    def _known(self, headers: Mapping[str, str]) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip().encode("latin-1", "replace")
        assert self._token is not None
        return hmac.compare_digest(given, self._token) and scheme.lower() == "bearer"


def _host_name(host: str) -> str:
    """The name in a Host header, lower case, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _foreign(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of another origin makes this call."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")


def _bounded(receive: Receive, headers: Mapping[str, str]) -> Receive:
    """``receive`` that raises 413 when the body grows beyond the limit."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_LIMIT:
            raise HTTPException(413, f"the body has more than {BODY_LIMIT} bytes")
        return message

    return bounded


def _hardened(send: Send) -> Send:
    """``send`` that adds the headers which tell browsers to trust nothing."""

    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return hardened
