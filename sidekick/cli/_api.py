"""The admin API of a running hub, as the commands call it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from sidekick.tls import verifying_context

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

CONNECT_SECS = 5.0
ANSWER_SECS = 60.0


class ApiError(click.ClickException):
    """The hub has refused, in its own sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Unreachable(click.ClickException):
    """No hub answers there."""


class Api:
    """Calls of /api/v1; answers are decoded to the types in ``sidekick.web.replies``.

    Every call raises ``ApiError`` or ``Unreachable``.
    """

    def __init__(self, url: str, token: str = "", authorities: str = "") -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._authorities = authorities

    def get(self, path: str, kind: type[T], **parameters: Any) -> T:
        """Ask for something."""
        return self._call("GET", path, kind, params=parameters)

    def post(self, path: str, kind: type[T], body: Any = None, *, patient: bool = False) -> T:
        """Let the hub do something; ``patient`` waits for as long as it takes."""
        return self._call("POST", path, kind, json=body, patient=patient)

    def post_raw(self, path: str, body: bytes, **parameters: Any) -> bytes:
        """Send a body as it is; gives the answer's JSON text."""
        headers = {"Content-Type": "application/json"}
        return self._send("POST", path, content=body, headers=headers, params=parameters)

    def delete(self, path: str, kind: type[T]) -> T:
        """Let the hub end something."""
        return self._call("DELETE", path, kind)

    def events(self, path: str, **parameters: Any) -> Iterator[bytes]:
        """The data of server-sent events, until the hub ends the stream."""
        with self._told(), self._client.stream("GET", path, params=parameters) as answer:
            if answer.is_error:
                answer.read()
            _check(answer)
            # A stream is silent for as long as no alert comes; heartbeats come every 15 s.
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield line.removeprefix("data: ").encode()

    def _call(self, method: str, path: str, kind: type[T], **request: Any) -> T:
        try:
            return msgspec.json.decode(self._send(method, path, **request), type=kind)
        except msgspec.DecodeError:
            raise click.ClickException(
                f"what answers at {self.url} does not speak as a sidekick hub does: check --url"
            ) from None

    def _send(self, method: str, path: str, *, patient: bool = False, **request: Any) -> bytes:
        import httpx

        if patient:
            request["timeout"] = httpx.Timeout(None, connect=CONNECT_SECS)
        with self._told():
            answer = self._client.request(method, path, **request)
        _check(answer)
        return answer.content

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers=headers,
            timeout=httpx.Timeout(ANSWER_SECS, connect=CONNECT_SECS),
            trust_env=False,  # no proxy of the environment may see the token
            verify=self._context() if self.url.startswith("https:") else False,
        )

    def _context(self) -> ssl.SSLContext:
        try:
            return verifying_context(self._authorities or None)
        except OSError as error:
            raise click.UsageError(f"--ca {self._authorities}: {error.strerror or error}") from None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell in a sentence why a call came to nothing."""
        import httpx

        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise click.UsageError(
                f'--url: wanted an address such as "http://127.0.0.1:2802", found "{self.url}"'
            ) from None
        except httpx.ConnectError as error:
            raise Unreachable(
                f"no hub answers at {self.url} ({error}): start one with `sidekick hub`, or name "
                "another with --url"
            ) from None
        except httpx.TimeoutException:
            raise Unreachable(f"the hub at {self.url} did not answer in time") from None
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(f"the call of the hub at {self.url} broke off: {reason}") from None


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = (
            f"{answer.url} answered {answer.status_code} {answer.reason_phrase}: is that the admin "
            "API (admin.port), and not where alerts come in? Check --url"
        )
    if answer.status_code == 401:
        detail += " (give it with --token-file, or in SIDEKICK_TOKEN)"
    raise ApiError(answer.status_code, detail)
