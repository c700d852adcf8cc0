"""What the HTTP sinks share: their keys, one pooled client, and what an answer means."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Annotated, Protocol, Self
from urllib.request import getproxies, proxy_bypass

from pydantic import AfterValidator, Field, model_validator
from yarl import URL

from sidekick.errors import DeliveryError, Rejected, Retryable
from sidekick.section import Secret
from sidekick.sinks import SinkConfig
from sidekick.sinks._clean import cleaner
from sidekick.sinks._tls import TlsConfig, client_context
from sidekick.sinks._wire import Answer, Pool, Stale

CONNECT_SECS = 10.0

_THREAD_BYTES = 64 * 1024
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

# These speak of the address, the credentials or the moment, not of the alert: somebody can mend
# them (an ingress answers 404 while it is rolled out), so nothing is given up for their sake.
_MAY_PASS = frozenset({401, 402, 403, 404, 405, 407, 408, 410, 421, 423, 425, 426, 429, 451})
_TLS_ADVICE = {
    "WRONG_VERSION_NUMBER": "; does it speak plain http?",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "; set tls.cert_file and tls.key_file",
}


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


class Exchange(Protocol):
    """Carries one request; raises ``OSError`` (``TimeoutError`` included) when nobody answers."""

    async def __call__(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes
    ) -> Answer: ...


class HttpClient:
    """Requests to one host; a status is turned into the error that the lane understands."""

    def __init__(
        self, url: URL, exchange: Exchange, taken: Iterable[str] = (), secrets: Iterable[str] = ()
    ) -> None:
        """``taken``: names of headers, in lower case, that the user has set himself."""
        self.url = url
        self.host = url.host_port_subcomponent or ""
        self._exchange = exchange
        self._taken = frozenset(taken)
        self._secrets: set[str] = set()
        self.hide(*secrets)

    def hide(self, *secrets: str) -> None:
        """Never tell these texts, whoever sends them back."""
        self._secrets |= set(secrets)
        self._clean = cleaner(self._secrets)

    async def post(
        self, body: bytes, headers: Mapping[str, str] = _NO_HEADERS, method: str = "POST"
    ) -> Answer:
        """Send a body; raises ``Retryable`` or ``Rejected`` unless the answer is a 2xx."""
        if self._taken:
            headers = {k: v for k, v in headers.items() if k.lower() not in self._taken}
        answer = await self.reach(self.url, method, headers, body)
        if not 200 <= answer.status < 300:
            raise self.refusal(answer)
        return answer

    async def reach(
        self,
        url: URL | None = None,
        method: str = "HEAD",
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes = b"",
    ) -> Answer:
        """Any answer at all; raises ``Retryable`` when there is none."""
        try:
            return await self._exchange(method, url or self.url, headers, body)
        except OSError as error:
            raise self.failure(error) from error

    def refusal(self, answer: Answer) -> DeliveryError:
        """What an answer means that is not a 2xx."""
        text = self.clean(answer.body.decode(errors="replace"))
        reason = f"{self.host} answered {answer.status}" + (f": {text}" if text else "")
        if 300 <= answer.status < 400:
            return Retryable(f"{reason} (a redirection, which is not followed): correct the url")
        if answer.status >= 500 or answer.status in _MAY_PASS:
            return Retryable(reason, retry_after_secs(answer.headers, time.time()))
        return Rejected(reason)

    def failure(self, error: OSError) -> Retryable:
        """What it means that no answer came."""
        return Retryable(f"{self.host}: {self.clean(_cause(error, _is_tls(self.url)))}")

    def clean(self, text: str) -> str:
        """A text from outside, on one line, short, and without our secrets."""
        return self._clean(text)


class Direct:
    """Straight to the host, over kept connections."""

    def __init__(self, pool: Pool, headers: Mapping[str, str]) -> None:
        self._pool = pool
        self._headers = _lines(headers)
        self._heads: dict[tuple[str, URL], bytes] = {}

    async def __call__(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        head = self._heads.get((method, url)) or self._head(method, url)
        if headers:
            head += _lines(headers)
        while True:
            try:
                return await self._pool.request(head, body, bodiless=method == "HEAD")
            except Stale:  # the next try takes another connection, in the end a new one
                continue

    def _head(self, method: str, url: URL) -> bytes:
        line = f"{method} {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host_port_subcomponent}\r\n"
        head = self._heads[method, url] = line.encode() + self._headers
        return head


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode()


@asynccontextmanager
async def open_client(
    config: HttpConfig, address: str | Secret, headers: Mapping[str, str]
) -> AsyncIterator[HttpClient]:
    """A client for ``address`` as the keys say; ``headers`` go with each request."""
    url = URL(address if isinstance(address, str) else address.get_secret_value())
    context = await asyncio.to_thread(client_context, config.tls) if _is_tls(url) else None
    proxy = proxy_for(config, url)
    sent = _headers(config, url, headers)
    secrets = _secrets(config, [] if isinstance(address, str) else [url], proxy)
    taken = [name.lower() for name in config.headers]
    if proxy is None:
        assert url.raw_host is not None
        assert url.port is not None
        pool = Pool(url.raw_host, url.port, context, connect_secs=CONNECT_SECS)
        try:
            yield HttpClient(url, Direct(pool, sent), taken, secrets)
        finally:
            pool.close()
        return
    from sidekick.sinks._session import open_session, proxied

    async with open_session(context, sent, config.lane.concurrency) as session:
        yield HttpClient(url, proxied(session, proxy), taken, secrets)


def _is_tls(url: URL) -> bool:
    return url.scheme == "https"


def _headers(config: HttpConfig, url: URL, own: Mapping[str, str]) -> dict[str, str]:
    headers = {"user-agent": "sidekick", "accept": "*/*"} | {k.lower(): v for k, v in own.items()}
    token = config.bearer_token.get_secret_value()
    user, password = config.user or url.user or "", config.password.get_secret_value()
    if token:
        headers["authorization"] = f"Bearer {token}"
    elif user:
        pair = f"{user}:{password or url.password or ''}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    headers |= {k.lower(): v.get_secret_value() for k, v in config.headers.items()}
    return {name.title(): value for name, value in headers.items()}


def proxy_for(config: HttpConfig, url: URL) -> URL | None:
    """The proxy that stands between, None for none."""
    wish = config.proxy.get_secret_value()
    if wish:
        return None if wish == "none" else URL(wish)
    return environment_proxy(url)


def environment_proxy(url: URL) -> URL | None:
    """The proxy that the environment's variables name for it."""
    known = getproxies().get(url.scheme)
    return URL(known) if known and not proxy_bypass(url.host or "") else None


def _secrets(config: HttpConfig, hidden: list[URL], proxy: URL | None) -> list[str]:
    """Every text that may come back in an answer or an error and must not be shown."""
    found = [config.password, config.bearer_token, config.tls.key_password]
    texts = [secret.get_secret_value() for secret in (*found, *config.headers.values())]
    for url in (*hidden, *([proxy] if proxy else [])):
        texts += [str(url), url.raw_path_qs, url.path_qs, url.password or "", url.query_string]
    return texts


async def compress(body: bytes) -> bytes:
    """The body as gzip; a large one in a thread."""
    if len(body) < _THREAD_BYTES:
        return gzip.compress(body, 1, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, 1, mtime=0)


def retry_after_secs(headers: Mapping[str, str], now: float) -> float | None:
    """The wish in ``Retry-After`` (RFC 9110 §10.2.3: seconds or a date) at the time ``now``."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _cause(error: OSError, tls: bool) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return f"TLS failed: {reason}{_TLS_ADVICE.get(error.reason or '', '')}"
    if isinstance(error, socket.gaierror):
        return f"its name cannot be resolved: {error.strerror}"
    if isinstance(error, TimeoutError):
        return f"no {'TLS ' if tls else ''}connection within {CONNECT_SECS:g} s"
    return error.strerror or str(error) or type(error).__name__
