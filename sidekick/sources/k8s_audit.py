"""Kubernetes' audit events: what an API server's audit webhook posts, judged by the rules.

The API server is answered 200 when all alerts of its request are durable, or when there are none.
It sends a request again that was answered otherwise or not in time; what it then brings for the
second time gives no second alert.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from sidekick import metrics
from sidekick.audit.batch import BadItem, read_batch
from sidekick.audit.record import SOURCE, AuditRecord
from sidekick.errors import ConfigError, InvalidAlert, Shed
from sidekick.listener.auth import Doorkeeper, Refused, bearer, refusal
from sidekick.listener.config import ListenerConfig
from sidekick.listener.exchange import Exchange, Response, response, sentence
from sidekick.listener.serve import serve
from sidekick.listener.unpack import Unpackable
from sidekick.listener.wire import SMALL_BODY
from sidekick.listener.work import RETRY, Work, unpackable
from sidekick.model import Alert
from sidekick.section import Size
from sidekick.sources import Intake, RuleEngine, SourceConfig
from sidekick.sources._once import Once

log = logging.getLogger(__name__)

_EVENT_TYPE = "pluginevent"  # Falco's type of all events that no kernel made
_HEALTH = frozenset({b"/ping", b"/healthz", b"/readyz"})
_CHUNK = 64  # events that are judged before the event loop gets its turn
_REMEMBERED = 65_536  # events with alerts; an API server gives up on a request within minutes
_QUARANTINED = 4096
_ALIVE = sentence(200, "ok")
_TAKEN = response(200)

_matched, _unmatched, _repeated, _rejected = (
    metrics.audit_events.labels(outcome)
    for outcome in ("matched", "unmatched", "repeated", "rejected")
)
_accepted = metrics.received.labels("k8s_audit", "accepted")
_shed = metrics.received.labels("k8s_audit", "shed")


class Config(SourceConfig, ListenerConfig):
    """The audit webhook of Kubernetes API servers: a listener of its own."""

    example: ClassVar[str] = """\
type: k8s_audit
tls:
  cert_file: /etc/sidekick/tls.crt
  key_file: /etc/sidekick/tls.key
  client_ca_file: /etc/sidekick/apiserver-ca.crt
"""
    judges: ClassVar[bool] = True

    type: Literal["k8s_audit"] = "k8s_audit"
    port: int = Field(9765, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    path: str = "/k8s-audit"
    """Path of the URL that the API server is given; others are answered 404."""
    cluster: str = Field("", max_length=100)
    """Name of the cluster, where hubs serve several: the field `ka.cluster.name`."""
    body_limit: Size = Field(12 * 1024**2, ge=1024)
    """Largest request, before and after it is unpacked; a larger one is answered 413. API servers
    send 10 MiB at most if they truncate."""
    event_limit: Size = Field(4 * 1024**2, ge=1024)
    """Largest single event; a larger one goes into the quarantine. Objects have 1.5 MiB at most,
    and an event may hold two."""

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: str) -> str:
        if not path.startswith("/") or "?" in path or "#" in path:
            raise ValueError('wanted a path such as "/k8s-audit"')
        return path


async def run(config: Config, intake: Intake, engine: Callable[[], RuleEngine]) -> None:
    """Listen until cancelled; raises ``ConfigError`` when it cannot."""
    if not (config.tokens or config.allow or (config.tls and config.tls.client_ca_file)):
        log.warning(
            "whoever reaches the port may send audit events: set tokens or tls.client_ca_file"
        )
    try:
        async with serve(config, AuditWebhook(config, intake, engine)) as port:
            log.info("waiting for audit events", extra={"port": port, "path": config.path})
            await asyncio.Event().wait()
    except OSError as error:
        place = f"{config.address}:{config.port}"
        raise ConfigError([f"cannot listen on {place}: {error.strerror or error}"]) from error


class AuditWebhook:
    """The service of the listener; ``engine`` gives the rules that are in force now."""

    def __init__(self, config: Config, intake: Intake, engine: Callable[[], RuleEngine]) -> None:
        self._config = config
        self._path = config.path.encode()
        self._intake = intake
        self._engine = engine
        self._door = Doorkeeper(config.allow, config.trusted_proxies, config.tokens)
        self._work = Work(self.refused)
        self._once = Once(intake, _REMEMBERED, _repeated.inc)
        self._numbers = itertools.count(1)

    # -- what wire calls ---------------------------------------------------------------------

    def admit(self, exchange: Exchange) -> int | Response:
        """Who may send, before the body comes; the limit of the body."""
        path = exchange.target.partition(b"?")[0]
        if path not in _HEALTH and not self._door.open:
            address = self._door.client(exchange.peer, exchange.headers)
            if (refused := self._door.refuses_address(address)) is not None:
                self.refused("address")
                return refusal(refused)
            sender = self._door.sender(bearer(exchange.headers), address)
            if isinstance(sender, Refused):
                self.refused("token")
                return refusal(sender)
            exchange.note = sender
        return self._config.body_limit

    def take(self, exchange: Exchange) -> None:
        """Answer, at once or when the alerts are durable."""
        path = exchange.target.partition(b"?")[0]
        if path in _HEALTH:
            exchange.answer(_ALIVE)
        elif path != self._path:
            exchange.answer(sentence(404, f"audit events are taken at {self._config.path}"))
        elif exchange.method != b"POST":
            exchange.answer(sentence(405, "wanted POST", ("Allow", "POST")))
        elif b"application/json" not in exchange.headers.get(b"content-type", b"").lower():
            exchange.answer(sentence(400, "wanted Content-Type application/json"))
        else:
            self._work.begin(exchange, self._take(exchange))

    def refused(self, reason: str) -> None:
        """Count a request that was answered without looking at its events."""
        metrics.refused.labels(reason).inc()
        if reason in ("size", "memory", "busy"):
            log.warning("a request with audit events was refused", extra={"reason": reason})

    async def finish(self) -> None:
        """Wait for what is under way."""
        await self._work.finish()

    # -- the events --------------------------------------------------------------------------

    async def _take(self, exchange: Exchange) -> None:
        try:
            body = await self._work.unpacked(exchange, self._config.body_limit)
        except Unpackable as fault:
            self.refused("encoding")
            exchange.answer(unpackable(fault))
            return
        try:
            async with self._work.large if len(body) > SMALL_BODY else nullcontext():
                failed = await self._judge_all(exchange, body)
        except InvalidAlert as invalid:
            self._keep(exchange, bytes(body), str(invalid))
            exchange.answer(sentence(400, f"wanted audit events: {invalid}"))
            return
        exchange.answer(_TAKEN if failed is None else sentence(503, str(failed), RETRY))

    async def _judge_all(self, exchange: Exchange, body: bytes | bytearray) -> BaseException | None:
        """Judge all events; None when their alerts are durable, else why some are not.

        One alert that there is no room for does not stop the events after it.
        """
        failed: BaseException | None = None
        items = read_batch(body, self._config.event_limit)
        while chunk := list(itertools.islice(items, _CHUNK)):
            found: dict[int, Sequence[Alert]] = {}
            for item in chunk:
                if isinstance(item, BadItem):
                    self._keep(exchange, item.body, str(item))
                elif alerts := self._judge(exchange, item):
                    found[_key(item)] = alerts
            failed = (await self._offer(found) if found else None) or failed
            await asyncio.sleep(0)
        return failed

    def _judge(self, exchange: Exchange, event: AuditRecord) -> Sequence[Alert]:
        event.number = next(self._numbers)
        if self._config.cluster and event["ka.cluster.name"] is None:
            event["ka.cluster.name"] = self._config.cluster
        try:
            alerts = self._engine().alerts(SOURCE, _EVENT_TYPE, event, event.time_ns)
        except Exception as fault:
            # A whole request would come again and again, and then be lost, for one odd event.
            log.exception("an audit event could not be judged")
            metrics.faults.labels("k8s_audit").inc()
            self._keep(exchange, event.body, f"it could not be judged: {fault!r}")
            return ()
        (_matched if alerts else _unmatched).inc()
        return alerts

    async def _offer(self, events: Mapping[int, Sequence[Alert]]) -> BaseException | None:
        error = await self._once.offer(events)
        if error is None:
            _accepted.inc(sum(map(len, events.values())))
        elif isinstance(error, Shed):
            _shed.inc()
        return error

    def _keep(self, exchange: Exchange, body: bytes, reason: str) -> None:
        _rejected.inc()
        sender = f"k8s_audit {exchange.note}" if exchange.note else "k8s_audit"
        self._intake.quarantine(sender, body[:_QUARANTINED], reason)


_TELLING_APART = (
    *("ka.auditid", "ka.stage", "jevt.value[/stageTimestamp]"),
    *("ka.verb", "ka.uri", "ka.user.name"),
)


def _key(record: AuditRecord) -> int:
    """What is the same whenever the API server sends an event: its id and stage.

    A caller may choose the id of its request (``Audit-ID``), so these alone would let it pass off
    an attack as the repeat of something harmless; what it cannot repeat is the time of the stage.
    """
    if record["ka.auditid"] is None:
        return hash(record.body)
    return hash(tuple(record[key] for key in _TELLING_APART))
