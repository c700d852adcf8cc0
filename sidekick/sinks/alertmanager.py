"""Alertmanager (API v2): each fingerprint is one alert there, resolved after a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar, Literal, Self

import msgspec
from pydantic import Field, field_validator, model_validator
from yarl import URL

from sidekick import document
from sidekick.document import Document
from sidekick.errors import DeliveryError, Rejected, Retryable
from sidekick.model import Envelope
from sidekick.section import Duration
from sidekick.sinks import LaneConfig, Sink
from sidekick.sinks import _render as render
from sidekick.sinks._falcosidekick import HEADERS, Compat
from sidekick.sinks._falcosidekick import alertmanager as compatible
from sidekick.sinks._falcosidekick.payload import payload
from sidekick.sinks._http import HttpClient, HttpConfig, Url, open_client
from sidekick.sinks._labels import Labels

log = logging.getLogger(__name__)

_ANNOTATION_CHARACTERS = 4096
_FIELDS = 30
_encode = msgspec.json.Encoder().encode


class Config(HttpConfig):
    """One Alertmanager, or all members of a cluster."""

    example: ClassVar[str] = """\
type: alertmanager
urls: ["http://alertmanager-0:9093", "http://alertmanager-1:9093"]
resolve_after: 1h
labels: {cluster: production}
"""

    type: Literal["alertmanager"] = "alertmanager"
    urls: list[Url] = Field(min_length=1)
    """Addresses of every member of the cluster, with its path prefix if it has one. Each gets all
    alerts, as Alertmanager wants it; delivered is what at least one of them took."""
    resolve_after: Duration = 3600.0
    """An alert that is not told again for this long is resolved there."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that every alert has."""
    label_fields: list[str] = Field(
        default=["alert.hostname", "k8s.ns.name", "k8s.pod.name", "container.name"]
    )
    """Fields whose values become labels, beside alertname, severity, priority, source and
    fingerprint. Only such as stay the same when an alert repeats."""
    label_values: int = Field(1000, ge=1)
    """Values of one field that are told apart; further ones become `other`."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations that every alert has, such as `runbook_url`."""
    path: str = Field("/api/v2/alerts", pattern="^/")
    """The path of the API, below each address."""
    compat: Compat = ""
    """`falcosidekick`: the alert that that sends: each output field is a label (so one
    that differs in every alert makes an alert of its own there, see `label_skip`), `label_fields`
    and `label_values` are without effect, and `resolve_after: 0` leaves the end to Alertmanager."""
    label_skip: list[str] = Field(default=["evt.time"])
    """With `compat`: output fields that become no label. falcosidekick skips none, and so
    Alertmanager never sees an alert twice."""
    severities: dict[str, str] = Field(default_factory=dict)
    """With `compat`: what the label `severity` says for a priority (`critical: page`)."""
    drop_thresholds: tuple[compatible.DropThreshold, ...] = compatible.DROP_THRESHOLDS
    """With `compat`: the steps in which Falco's alerts of lost events tell how many."""
    drop_priority: str = "critical"
    """With `compat`: the priority, at least, of such an alert below all steps."""
    lane: LaneConfig = LaneConfig(batch_items=100, concurrency=4)

    @field_validator("severities")
    @classmethod
    def _of_priorities(cls, severities: dict[str, str]) -> dict[str, str]:
        return {compatible.check_priority(name): text for name, text in severities.items()}

    @field_validator("drop_priority")
    @classmethod
    def _known(cls, text: str) -> str:
        return compatible.check_priority(text)

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if not self.resolve_after and not self.compat:
            raise ValueError("resolve_after: 0 is for compat: falcosidekick")
        return self


Body = Callable[[Sequence[Envelope]], bytes]
"""Makes the request for some alerts."""


def compatible_body(config: Config, now_ns: Callable[[], int] = time.time_ns) -> Body:
    """falcosidekick's alerts."""
    writer = compatible.Writer(
        config.labels,
        config.annotations,
        config.severities,
        config.label_skip,
        config.drop_thresholds,
        config.drop_priority,
        config.resolve_after,
        now_ns,
    )
    return lambda batch: writer.body(payload(envelope) for envelope in batch)


class Writer:
    """Makes Alertmanager's alerts."""

    def __init__(self, config: Config, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._labels = Labels(config.labels, config.label_fields, config.label_values)
        self._annotations = config.annotations
        self._lasting_ns = int(config.resolve_after * 1e9)
        self._now_ns = now_ns

    def body(self, batch: Sequence[Envelope]) -> bytes:
        """The request for these alerts."""
        return _encode([self._alert(envelope) for envelope in batch])

    def _alert(self, envelope: Envelope) -> dict[str, Any]:
        found = document.read(envelope.body)
        note = found.sidekick
        began = note.first_seen if note and note.first_seen else envelope.time_ns
        # From now, not from when it was seen: one that waited long would come resolved already,
        # and nobody would hear of it.
        now = self._now_ns()
        return {
            "labels": self._labels.of(found) | self._own_labels(envelope, found),
            "annotations": self._annotated(envelope, found),
            "startsAt": render.rfc3339(min(began, now)),
            "endsAt": render.rfc3339(now + self._lasting_ns),
        }

    def _own_labels(self, envelope: Envelope, found: Document) -> dict[str, str]:
        return {
            "alertname": render.clip(found.rule, 256),
            "severity": compatible.SEVERITIES[envelope.priority],
            "priority": envelope.priority.label,
            "source": found.source,
            "fingerprint": envelope.fingerprint,
        }

    def _annotated(self, envelope: Envelope, found: Document) -> dict[str, str]:
        note = found.sidekick
        fields = render.facts(found, _FIELDS)
        texts = {
            "summary": render.title(found),
            "description": render.output(found),
            "fields": "\n".join(f"{name}: {render.plain(value)}" for name, value in fields),
            "tags": ", ".join(found.tags),
            "score": str(note.score) if note else "",
            "score_reasons": render.reasons(note),
            "history": render.history(note),
            "id": envelope.id,
        } | self._annotations
        return {k: render.clip(v, _ANNOTATION_CHARACTERS) for k, v in texts.items() if v}


class Alertmanager:
    """Posts to every member."""

    def __init__(self, members: Sequence[HttpClient], body: Body) -> None:
        self._members = members
        self._body = body
        self._failing: set[str] = set()

    async def send(self, batch: Sequence[Envelope]) -> None:
        body = self._body(batch)
        if len(self._members) == 1:
            await self._members[0].post(body)
            return
        self._judge(await asyncio.gather(*(_told(m, body) for m in self._members)))

    def _judge(self, errors: Sequence[DeliveryError | None]) -> None:
        """One that took them is enough; all failed: retry if that may help with any of them."""
        failed = [error for error in errors if error is not None]
        if len(failed) < len(errors):
            self._note(errors)
            return
        retryable = [error for error in failed if isinstance(error, Retryable)]
        if not retryable:
            raise Rejected("; ".join(map(str, failed)))
        afters = [error.after for error in retryable]
        known = [after for after in afters if after is not None]
        soonest = min(known) if len(known) == len(afters) else None
        raise Retryable("; ".join(map(str, failed)), soonest)

    def _note(self, errors: Sequence[DeliveryError | None]) -> None:
        """Say once when a member begins to fail, and when it works again."""
        for member, error in zip(self._members, errors, strict=True):
            if error is not None and member.host not in self._failing:
                about = {"host": member.host, "error": str(error)}
                log.warning("a member of the Alertmanager cluster fails", extra=about)
                self._failing.add(member.host)
            elif error is None and member.host in self._failing:
                log.info("a member of the Alertmanager cluster works", extra={"host": member.host})
                self._failing.discard(member.host)

    async def probe(self) -> None:
        for member in self._members:
            url = member.url.with_name("status")
            answer = await member.reach(url, "GET")
            if answer.status != 200:
                raise member.refusal(answer)


async def _told(member: HttpClient, body: bytes) -> DeliveryError | None:
    try:
        await member.post(body)
    except DeliveryError as error:
        return error
    return None


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """Keep connections to every member open."""
    headers = HEADERS if config.compat else {"Content-Type": "application/json"}
    path = config.path.lstrip("/")
    async with AsyncExitStack() as stack:
        members = [
            await stack.enter_async_context(open_client(config, str(URL(url) / path), headers))
            for url in config.urls
        ]
        body = compatible_body(config) if config.compat else Writer(config).body
        yield Alertmanager(members, body)
