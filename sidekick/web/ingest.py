"""What the listener for alerts serves: POST anywhere takes one alert, /v1/alerts takes many.

Everything that is not a route takes a single alert, as falcosidekick does. A request is answered
200 only when its alerts are durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from sidekick import heartbeat, metrics
from sidekick.errors import InvalidAlert, Shed
from sidekick.heartbeat import Heartbeat
from sidekick.listener.auth import Doorkeeper, Refused, bearer, refusal
from sidekick.listener.exchange import Exchange, Response, response, sentence
from sidekick.listener.serve import serve as serve_service
from sidekick.listener.unpack import Unpackable
from sidekick.listener.wire import SMALL_BODY
from sidekick.listener.work import RETRY, Work, unpackable
from sidekick.model import Alert
from sidekick.sources import Intake
from sidekick.sources.falco import decode, decode_many
from sidekick.web.health import (
    ALIVE,
    JSON,
    PONG,
    Exposition,
    Ready,
    always_ready,
    exposition,
    readiness,
    scrape,
)
from sidekick.web.listen import ListenConfig
from sidekick.web.plain import Plain

_TOKEN_PATH = b"/token/"
_MANY = b"/v1/alerts"
_HEARTBEATS = heartbeat.PATH.encode()
_HEARTBEAT_BYTES = 4096
_HEALTH = frozenset({b"/ping", b"/healthz", b"/readyz"})
_PAGES = _HEALTH | {b"/metrics"}
_QUARANTINED = 4096
_WANTS_POST = sentence(405, "wanted POST", ("Allow", "POST"))
_CHUNK = 128  # alerts of one body that are offered before the event loop gets its turn
_MOST = 100_000  # alerts of one body
_TOLD = 100  # rejected alerts that an answer names
_OK = response(200)
_POST_PLEASE = sentence(
    400, "Please send with post http method", ("X-Content-Type-Options", "nosniff")
)

_requests_refused = {
    reason: metrics.refused.labels(reason) for reason in ("token", "address", "busy", "encoding")
}
_accepted = metrics.received.labels("http", "accepted")
_rejected = metrics.received.labels("http", "rejected")
_shed = metrics.received.labels("http", "shed")


Heard = Callable[[Heartbeat], None]
"""Is told of each sensor that says it is there."""


def _unheard(_: Heartbeat) -> None:
    pass


class Ingest:
    """The service of the listener; ``wire`` calls it once a request."""

    def __init__(
        self,
        config: ListenConfig,
        intake: Intake,
        ready: Ready,
        expose: Exposition,
        heard: Heard = _unheard,
    ) -> None:
        self._config = config
        self._intake = intake
        self._ready = ready
        self._expose = expose
        self._heard = heard
        self._door = Doorkeeper(config.allow, config.trusted_proxies, config.tokens)
        self._work = Work(self.refused)
        self._loop = asyncio.get_running_loop()
        self._arrived: list[Exchange] = []

    # -- what wire calls ---------------------------------------------------------------------

    def admit(self, exchange: Exchange) -> int | Response:
        """Who may send, before the body comes; the limit of the body."""
        path = exchange.target.partition(b"?")[0]
        if not self._door.open and path not in _HEALTH:
            refused = self._refuses(exchange, path)
            if refused is not None:
                return refused
        if path.endswith(_HEARTBEATS):
            return _HEARTBEAT_BYTES
        many = path.endswith(_MANY)
        return self._config.body_limit if many else self._config.alert_limit

    def take(self, exchange: Exchange) -> None:
        """Answer, at once or when the alerts are durable."""
        path = exchange.target.partition(b"?")[0]
        if path in _PAGES:
            exchange.answer(self._page(path, exchange))
        elif path.endswith(_MANY):
            self._work.begin(exchange, self._take_many(exchange))
        elif path.endswith(_HEARTBEATS):
            exchange.answer(self._take_heartbeat(exchange))
        elif exchange.method != b"POST":
            exchange.answer(_POST_PLEASE)
        elif path == b"/test":
            self._offer(exchange, _test_alert())
        elif b"content-encoding" in exchange.headers:
            self._work.begin(exchange, self._take_packed(exchange))
        else:
            if not self._arrived:
                self._loop.call_soon(self._take_arrived)
            self._arrived.append(exchange)

    def _take_arrived(self) -> None:
        """Decode all that came in one turn of the event loop, while the decoder's code is warm."""
        arrived, self._arrived = self._arrived, []
        for exchange in arrived:
            try:
                self._take_one(exchange, exchange.body)
            except Exception:
                self._work.fault(exchange)

    def refused(self, reason: str) -> None:
        """Count a request that ``wire`` refused."""
        metrics.refused.labels(reason).inc()

    async def finish(self) -> None:
        """Wait for what is under way."""
        await self._work.finish()

    # -- who may send ------------------------------------------------------------------------

    def _refuses(self, exchange: Exchange, path: bytes) -> Response | None:
        address = self._door.client(exchange.peer, exchange.headers)
        refused = self._door.refuses_address(address)
        if refused is not None:
            return self._refusal(refused, "address")
        token = bearer(exchange.headers)
        if token is None and path.startswith(_TOKEN_PATH):
            token = unquote_to_bytes(path[len(_TOKEN_PATH) :].partition(b"/")[0])
        if path == b"/metrics" and self._config.metrics == "open":
            return None
        sender = self._door.sender(token, address)
        if isinstance(sender, Refused):
            return self._refusal(sender, "token")
        exchange.note = sender
        return None

    def _refusal(self, refused: Refused, reason: str) -> Response:
        _requests_refused[reason].inc()
        return refusal(refused)

    # -- pages -------------------------------------------------------------------------------

    def _page(self, path: bytes, exchange: Exchange) -> Response:
        if path == b"/ping":
            return PONG
        if path == b"/healthz":
            return ALIVE
        if path == b"/readyz":
            return readiness(self._ready)
        if self._config.metrics == "off":
            return sentence(404, "metrics are switched off here (listen.metrics)")
        headers = exchange.headers
        return scrape(
            self._expose,
            headers.get(b"accept", b"").decode("latin-1"),
            headers.get(b"accept-encoding", b"").decode("latin-1"),
        )

    def _take_heartbeat(self, exchange: Exchange) -> Response:
        if exchange.method != b"POST":
            return _WANTS_POST
        try:
            self._heard(heartbeat.decode(exchange.body))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return sentence(400, f'wanted a heartbeat such as {{"node": "n1"}}: {error}')
        return _OK

    # -- one alert ---------------------------------------------------------------------------

    def _take_one(self, exchange: Exchange, body: bytes | bytearray) -> None:
        try:
            if len(body) > self._config.alert_limit:
                raise InvalidAlert("", f"the alert is larger than {self._config.alert_limit} bytes")
            alert = decode(body)
        except InvalidAlert as invalid:
            self._keep(exchange, body, invalid)
            exchange.answer(sentence(400, f"Please send a valid request body: {invalid}"))
            return
        self._offer(exchange, alert)

    def _offer(self, exchange: Exchange, alert: Alert) -> None:
        def answer(error: BaseException | None) -> None:
            if error is None:
                _accepted.inc()
                exchange.answer(_OK)
            else:
                exchange.answer(_failure(error))

        self._intake.offer([alert], answer)

    def _keep(self, exchange: Exchange, body: bytes | bytearray, invalid: InvalidAlert) -> None:
        _rejected.inc()
        sender = f"http {exchange.note}" if exchange.note else "http"
        self._intake.quarantine(sender, bytes(body[:_QUARANTINED]), str(invalid))

    # -- packed bodies and many alerts -------------------------------------------------------

    async def _take_packed(self, exchange: Exchange) -> None:
        body = await self._unpacked(exchange, self._config.alert_limit)
        if body is not None:
            self._take_one(exchange, body)

    async def _unpacked(self, exchange: Exchange, limit: int) -> bytes | bytearray | None:
        try:
            return await self._work.unpacked(exchange, limit)
        except Unpackable as error:
            _requests_refused["encoding"].inc()
            if error.status == 400:
                self._keep(exchange, exchange.body, InvalidAlert("", str(error)))
            exchange.answer(unpackable(error))
            return None

    async def _take_many(self, exchange: Exchange) -> None:
        """Every valid alert is taken; the answer names the others by their index."""
        if exchange.method != b"POST":
            exchange.answer(_WANTS_POST)
            return
        body = await self._unpacked(exchange, self._config.body_limit)
        if body is None:
            return
        kind = exchange.headers.get(b"content-type", b"").decode("latin-1")
        tally = _Tally()
        items = enumerate(decode_many(body, kind, self._config.alert_limit))
        async with self._work.large if len(body) > SMALL_BODY else _nothing():
            while chunk := list(itertools.islice(items, _CHUNK)):
                await self._take_chunk(exchange, chunk, tally)
                if tally.error is not None:
                    break
                if chunk[-1][0] >= _MOST and next(items, None) is not None:
                    tally.unread = True
                    break
        exchange.answer(tally.response())

    async def _take_chunk(
        self, exchange: Exchange, chunk: list[tuple[int, Alert | InvalidAlert]], tally: _Tally
    ) -> None:
        alerts = []
        for index, item in chunk:
            if isinstance(item, InvalidAlert):
                self._keep(exchange, item.body, item)
                tally.reject(index, item)
            else:
                alerts.append(item)
        if not alerts:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[BaseException | None] = self._loop.create_future()
        self._intake.offer(alerts, future.set_result)
        tally.error = await future
        if tally.error is None:
            _accepted.inc(len(alerts))
            tally.accepted += len(alerts)


class _Tally:
    """What became of the alerts of one body."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected: list[dict[str, Any]] = []
        self.more = 0
        self.unread = False
        self.error: BaseException | None = None

    def reject(self, index: int, invalid: InvalidAlert) -> None:
        if len(self.rejected) < _TOLD:
            item = {"index": index, "field": invalid.field, "reason": invalid.reason}
            self.rejected.append(item)
        else:
            self.more += 1

    def response(self) -> Response:
        """200 when all were taken, 207 when some were, 400 when none, 413 when there were too many
        of them to read, 503 when there is no room."""
        rejected = len(self.rejected) + self.more
        answer = {"accepted": self.accepted, "rejected": self.rejected}
        if self.more:
            answer["more_rejected"] = self.more
        status = 200
        headers: list[tuple[str, str]] = []
        if self.error is not None:
            _shed.inc()
            status, headers = 503, [RETRY]
            answer["error"] = str(self.error)
        elif self.unread:
            read = self.accepted + rejected
            status = 413
            answer["error"] = f"only the first {read} alerts were read: send fewer in a body"
        elif rejected:
            status = 207 if self.accepted else 400
        return response(status, msgspec.json.encode(answer), JSON, headers)


def _failure(error: BaseException) -> Response:
    if isinstance(error, Shed):
        _shed.inc()
    return sentence(503, str(error), RETRY)


def _test_alert() -> Alert:
    """falcosidekick's test event, with the time of now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return decode(
        msgspec.json.encode(
            {
                "output": "This is a test from sidekick",
                "priority": "Debug",
                "rule": "Test rule",
                "time": now,
                "output_fields": {"proc.name": "sidekick", "user.name": "sidekick"},
                "source": "internal",
                "tags": ["example", "test"],
                "hostname": "sidekick",
            }
        )
    )


@contextlib.asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


@contextlib.asynccontextmanager
async def serve(
    config: ListenConfig,
    intake: Intake,
    *,
    ready: Ready = always_ready,
    expose: Exposition | None = None,
    heard: Heard = _unheard,
    path: Path | None = None,
) -> AsyncIterator[int]:
    """Listen for alerts, at ``path`` on a unix socket; gives the port, or 0. Raises ``OSError``.

    On the way out it takes no more connections, answers what has come, then closes.
    """
    service = Ingest(config, intake, ready, expose or exposition(metrics.REGISTRY), heard)
    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(serve_service(config, service, path))
        if config.plain is not None and path is None:
            beside = config.model_copy(update={"port": config.plain.port, "tls": None})
            plain = Plain(service, config.plain.paths)
            await stack.enter_async_context(serve_service(beside, plain))
        yield port
