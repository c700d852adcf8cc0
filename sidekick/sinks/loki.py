"""Grafana Loki: lines in streams of few labels (push API, JSON)."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Literal

import msgspec
from pydantic import Field
from yarl import URL

from sidekick import document, go_json
from sidekick.document import Document
from sidekick.errors import Rejected
from sidekick.model import Envelope
from sidekick.section import Secret
from sidekick.sinks import LaneConfig, Sink
from sidekick.sinks import _render as render
from sidekick.sinks._falcosidekick import HEADERS, Compat
from sidekick.sinks._falcosidekick import loki as compatible
from sidekick.sinks._falcosidekick.payload import payload
from sidekick.sinks._http import HttpClient, HttpConfig, Url, compress, open_client
from sidekick.sinks._labels import Labels

_TOO_LATE = re.compile(r"too far behind|timestamp too old|out of order", re.IGNORECASE)
_NOTHING = re.compile(r"at least one valid stream")
_encode = msgspec.json.Encoder().encode


class Config(HttpConfig):
    """A Loki."""

    example: ClassVar[str] = """\
type: loki
url: http://loki:3100
tenant: security
labels: {job: sidekick, cluster: production}
"""

    type: Literal["loki"] = "loki"
    url: Url
    """The address of Loki, without a path unless it is behind one."""
    path: str = Field("/loki/api/v1/push", pattern="^/")
    """The path of its push API."""
    tenant: Secret = Secret("")
    """The tenant, sent as `X-Scope-OrgID`."""
    labels: dict[str, str] = Field(default={"job": "sidekick"})
    """Labels that every line has."""
    label_fields: list[str] = Field(
        default=["alert.source", "alert.priority", "alert.rule", "k8s.ns.name"]
    )
    """Fields whose values become labels. Loki keeps a stream for every combination of values, so
    name only fields that have few; all others are in the line."""
    label_values: int = Field(200, ge=1)
    """Values of one field that are told apart; further ones become `other`."""
    line: Literal["json", "text"] = "json"
    """What a line is: the alert's document, or its output."""
    structured_metadata: bool = False
    """Add id, fingerprint and score as structured metadata (Loki 2.9 or newer with schema v13)."""
    gzip: bool = False
    """Compress the body (`Content-Encoding: gzip`)."""
    compat: Compat = ""
    """`falcosidekick`: the labels and the line that that pushes: rule, source, priority,
    k8s_ns_name, k8s_pod_name, hostname, tags, and `label_fields` that are output fields."""
    lane: LaneConfig = LaneConfig(batch_items=500, batch_age=0.2, concurrency=4)


class Writer:
    """Makes the requests."""

    def __init__(self, config: Config) -> None:
        self._labels = Labels(config.labels, config.label_fields, config.label_values)
        self._extra = [f for f in config.label_fields if not f.startswith("alert.")]
        self._compat = bool(config.compat)
        self._as_json = config.line == "json"
        self._metadata = config.structured_metadata

    def body(self, batch: Sequence[Envelope], time_ns: int | None = None) -> bytes:
        """``{"streams": [{"stream": LABELS, "values": [[TIME, LINE], ...]}, ...]}``.

        Lines are in order of their time; with ``time_ns`` all have that one.
        """
        streams: dict[bytes, list[tuple[int, bytes]]] = {}
        for envelope in batch:
            when = envelope.time_ns if time_ns is None else time_ns
            labels, value = self._entry(envelope, when)
            streams.setdefault(labels, []).append((when, value))
        told = [
            b'{"stream":%b,"values":[%b]}'
            % (labels, b",".join([text for _, text in sorted(values, key=lambda v: v[0])]))
            for labels, values in streams.items()
        ]
        return b'{"streams":[%b]}%b' % (b",".join(told), b"\n" if self._compat else b"")

    def _entry(self, envelope: Envelope, when: int) -> tuple[bytes, bytes]:
        if self._compat:
            return self._compatible(envelope, when)
        found = document.read(envelope.body)
        return _encode(self._labels.of(found)), self._value(envelope, found, when)

    def _compatible(self, envelope: Envelope, when: int) -> tuple[bytes, bytes]:
        alert = payload(envelope)
        labels = self._labels.bound(compatible.labels(alert, self._extra))
        line = alert.json.decode() if self._as_json else alert.output
        return go_json.encode(labels), go_json.encode([str(when), line])

    def _value(self, envelope: Envelope, found: Document, when: int) -> bytes:
        line = envelope.body.decode() if self._as_json else self._text(found)
        if not self._metadata:
            return b'["%d",%b]' % (when, _encode(line))
        score = str(found.sidekick.score) if found.sidekick else ""
        more = {"id": envelope.id, "fingerprint": envelope.fingerprint, "score": score}
        return b'["%d",%b,%b]' % (
            when,
            _encode(line),
            _encode({k: v for k, v in more.items() if v}),
        )

    def _text(self, found: Document) -> str:
        return found.output or render.line(found)


class Loki:
    """Pushes batches."""

    def __init__(
        self,
        client: HttpClient,
        writer: Writer,
        zipped: bool,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._writer = writer
        self._zipped = zipped
        self._now_ns = now_ns

    async def send(self, batch: Sequence[Envelope]) -> None:
        """A batch that holds what Loki finds too late is halved by the lane until that is alone;
        then it goes with the present time: its own is in the line."""
        try:
            await self._push(self._writer.body(batch))
        except Rejected as error:
            if len(batch) > 1 or not _TOO_LATE.search(str(error)):
                raise
            await self._push(self._writer.body(batch, self._now_ns()))

    async def _push(self, body: bytes) -> None:
        await self._client.post(await compress(body) if self._zipped else body)

    async def probe(self) -> None:
        """Push nothing: a Loki that would take lines says that there are none."""
        try:
            await self._push(b'{"streams":[]}')
        except Rejected as error:
            if not _NOTHING.search(str(error)):
                raise


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """Keep connections to Loki open."""
    headers = {"Content-Type": "application/json"}
    if config.compat:
        headers["User-Agent"] = HEADERS["User-Agent"]
    if config.gzip:
        headers["Content-Encoding"] = "gzip"
    if tenant := config.tenant.get_secret_value():
        headers["X-Scope-OrgID"] = tenant
    address = str(URL(config.url + config.path))
    async with open_client(config, address, headers) as client:
        yield Loki(client, Writer(config), config.gzip)
