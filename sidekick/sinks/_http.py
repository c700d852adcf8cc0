"""What the HTTP sinks share: their keys, one pooled client, and what an answer means."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Annotated, NamedTuple, Self

import aiohttp
from aiohttp.helpers import get_env_proxy_for_url
from pydantic import AfterValidator, Field, model_validator
from yarl import URL

from sidekick.errors import DeliveryError, Rejected, Retryable
from sidekick.section import Secret
from sidekick.sinks import SinkConfig
from sidekick.sinks._tls import TlsConfig, client_context

_KEPT_BYTES = 4096
_READ_BYTES = 64 * 1024
_CONNECT_SECS = 10.0
_IDLE_SECS = 30.0
_SHORTEST_SECRET = 4

# These speak of the address, the credentials or the moment, not of the alert: somebody can mend
# them (an ingress answers 404 while it is rolled out), so nothing is given up for their sake.
_MAY_PASS = frozenset({401, 402, 403, 404, 405, 407, 408, 410, 421, 423, 425, 426, 429, 451})


def check_url(text: str) -> str:
    """The URL itself; ``ValueError``, which does not repeat it, if nothing can be sent there."""
    try:
        url = URL(text)
        usable = url.scheme in ("http", "https") and url.host
    except ValueError:
        usable = None
    if not usable:
        raise ValueError('wanted a URL such as "https://host/path"')
    return text


def _check_open(text: str) -> str:
    if URL(check_url(text)).user or URL(text).password:
        raise ValueError("wanted a URL without credentials; set `user` and `password`")
    return text.rstrip("/")


def _check_secret(secret: Secret) -> Secret:
    check_url(secret.get_secret_value())
    return secret


Url = Annotated[str, AfterValidator(_check_open)]
"""The address of a server, without credentials; a slash at its end is dropped."""

SecretUrl = Annotated[Secret, AfterValidator(_check_secret)]
"""An address whose path or query is a secret: only its host is ever told."""


class HttpConfig(SinkConfig):
    """What every sink that speaks HTTP has."""

    headers: dict[str, Secret] = Field(default_factory=dict)
    """Headers added to each request; they win over those that sidekick sets."""
    user: str = ""
    """The name for HTTP basic authentication."""
    password: Secret = Secret("")
    """The password for HTTP basic authentication."""
    bearer_token: Secret = Secret("")
    """A token sent as `Authorization: Bearer`."""
    tls: TlsConfig = TlsConfig()
    """Certificates, for `https` addresses."""
    proxy: Secret = Secret("")
    """URL of an HTTP proxy, with credentials if it wants some. When empty, the environment's
    `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count; `none` goes without any."""

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.user and self.bearer_token.get_secret_value():
            raise ValueError("wanted either user and password or bearer_token, found both")
        for name, value in self.headers.items():
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise ValueError(f'"{name}" is no name of a header')
            if not re.fullmatch(r"[^\x00-\x1f\x7f]*", value.get_secret_value()):
                raise ValueError(f'the header "{name}" has a control character in its value')
        return self


class Reply(NamedTuple):
    """An answer with a 2xx status; ``body`` is its beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Requests to one host, over kept connections."""

    def __init__(
        self, session: aiohttp.ClientSession, url: URL, proxy: URL | None, secrets: Iterable[str]
    ) -> None:
        self.session = session
        self.url = url
        self.proxy = proxy
        self.host = url.authority.rpartition("@")[2] or "?"
        self._secrets = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len)[::-1]

    async def post(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        url: URL | None = None,
        method: str = "POST",
    ) -> Reply:
        """Send a body; raises ``Retryable`` or ``Rejected`` unless the answer is a 2xx."""
        reply = await self.exchange(method, url or self.url, body, headers)
        if not 200 <= reply.status < 300:
            raise self.refusal(reply)
        return reply

    async def reach(self, url: URL | None = None, method: str = "HEAD") -> Reply:
        """Any answer at all will do: the host is there and its TLS is trusted."""
        return await self.exchange(method, url or self.url, None, None)

    async def exchange(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Reply:
        """One request, whatever its answer; raises ``Retryable`` when there is none."""
        try:
            try:
                return await self._once(method, url, body, headers)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                # The server closed an idle connection just when we used it.
                return await self._once(method, url, body, headers)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self.failure(error) from error

    async def _once(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Reply:
        # aiohttp writes bytes in one piece, and warns above 1 MiB.
        data = BytesIO(body) if body and len(body) >= 2**20 else body
        async with self.session.request(
            method, url, data=data, headers=headers, proxy=self.proxy, allow_redirects=False
        ) as answer:
            return Reply(answer.status, answer.headers, await _beginning(answer))

    def refusal(self, reply: Reply) -> DeliveryError:
        """What an answer means that is not a 2xx."""
        text = self.clean(reply.body.decode(errors="replace"))
        reason = f"{self.host} answered {reply.status}" + (f": {text}" if text else "")
        if 300 <= reply.status < 400:
            return Retryable(f"{reason} (a redirection, which is not followed): correct the url")
        if reply.status >= 500 or reply.status in _MAY_PASS:
            return Retryable(reason, retry_after_secs(reply.headers, time.time()))
        return Rejected(reason)

    def failure(self, error: BaseException) -> Retryable:
        """What it means that no answer came."""
        return Retryable(f"{self.host}: {self.clean(_cause(error))}")

    def clean(self, text: str) -> str:
        """A text from outside, on one line, short, and without our secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())
        return text if len(text) <= 300 else text[:299] + "…"


@asynccontextmanager
async def open_client(
    config: HttpConfig, address: str | Secret, headers: Mapping[str, str]
) -> AsyncIterator[HttpClient]:
    """A client for ``address`` as the keys say; ``headers`` go with each request."""
    url = URL(address if isinstance(address, str) else address.get_secret_value())
    context = await asyncio.to_thread(client_context, config.tls) if url.scheme == "https" else True
    proxy = _proxy(config, url)
    connector = aiohttp.TCPConnector(
        limit=config.lane.concurrency, ssl=context, keepalive_timeout=_IDLE_SECS
    )
    async with aiohttp.ClientSession(
        connector=connector,
        headers=_headers(config, headers),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
        cookie_jar=aiohttp.DummyCookieJar(),
        # The lane bounds a delivery; a connection that hangs shall leave time for another.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECS),
    ) as session:
        hidden = _secrets(config, [] if isinstance(address, str) else [url], proxy)
        yield HttpClient(session, url, proxy, hidden)


def _headers(config: HttpConfig, own: Mapping[str, str]) -> dict[str, str]:
    headers = {"user-agent": "sidekick"} | {k.lower(): v for k, v in own.items()}
    token = config.bearer_token.get_secret_value()
    if token:
        headers["authorization"] = f"Bearer {token}"
    elif config.user:
        pair = f"{config.user}:{config.password.get_secret_value()}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    headers |= {k.lower(): v.get_secret_value() for k, v in config.headers.items()}
    return {name.title(): value for name, value in headers.items()}


def _proxy(config: HttpConfig, url: URL) -> URL | None:
    wish = config.proxy.get_secret_value()
    if wish:
        return None if wish == "none" else URL(wish)
    try:
        # Once, not with every request: aiohttp's trust_env reads the environment each time.
        return get_env_proxy_for_url(url)[0]
    except LookupError:
        return None


def _secrets(config: HttpConfig, hidden: list[URL], proxy: URL | None) -> list[str]:
    """Every text that may come back in an answer or an error and must not be shown."""
    found = [config.password, config.bearer_token, config.tls.key_password]
    texts = [secret.get_secret_value() for secret in (*found, *config.headers.values())]
    for url in (*hidden, *([proxy] if proxy else [])):
        texts += [str(url), url.raw_path_qs, url.path_qs, url.password or "", url.query_string]
    return texts


async def compress(body: bytes) -> bytes:
    """The body as gzip; a large one in a thread."""
    if len(body) < _READ_BYTES:
        return gzip.compress(body, 1, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, 1, mtime=0)


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """The first bytes of a body. A longer one is not read to its end: its connection is lost."""
    kept = bytearray()
    read = 0
    async for piece in answer.content.iter_any():
        kept += piece[: _KEPT_BYTES - len(kept)]
        read += len(piece)
        if read > _READ_BYTES:
            answer.close()
            break
    return bytes(kept)


def retry_after_secs(headers: Mapping[str, str], now: float) -> float | None:
    """The wish in ``Retry-After`` (RFC 9110 §10.2.3: seconds or a date) at the time ``now``."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _cause(error: BaseException) -> str:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "closed the connection without an answer"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {error.status}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or error.os_error}"
    if isinstance(error, TimeoutError):
        return f"no connection within {_CONNECT_SECS:g} s"
    return f"{type(error).__name__}: {error}"
