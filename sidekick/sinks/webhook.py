"""Any HTTP endpoint: the alert's JSON, signed if you wish.

With ``sign`` each request has the header ``X-Sidekick-Signature: t=SECONDS,v1=HEX``, where HEX is
the HMAC-SHA256 of ``SECONDS.BODY`` (the body as it was sent, compressed or not) under the secret.
A receiver computes it again, compares in constant time, and refuses a SECONDS more than five
minutes from its own clock, so that a recorded request cannot be played back later. Every try is
signed anew; ``X-Sidekick-Id`` stays the same over all tries of an alert.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from sidekick.model import Envelope
from sidekick.section import Secret
from sidekick.sinks import LaneConfig, Sink
from sidekick.sinks._each import send_each
from sidekick.sinks._falcosidekick import HEADERS, Compat
from sidekick.sinks._falcosidekick.payload import canonical
from sidekick.sinks._http import HttpClient, HttpConfig, SecretUrl, compress, open_client

_TYPES = {
    "object": "application/json",
    "array": "application/json",
    "ndjson": "application/x-ndjson",
}


class Config(HttpConfig):
    """A webhook."""

    example: ClassVar[str] = """\
type: webhook
url: ${WEBHOOK_URL}
sign: ${WEBHOOK_SECRET}
headers: {X-Team: security}
lane: {concurrency: 16}
"""

    type: Literal["webhook"] = "webhook"
    url: SecretUrl
    """Where to send to. Only its host is ever shown."""
    method: Literal["POST", "PUT"] = "POST"
    """The HTTP method."""
    format: Literal["auto", "object", "array", "ndjson"] = "auto"
    """`object`: one alert a request; `array`: a JSON array of the batch; `ndjson`: one alert a
    line. `auto`: `object` when `lane.batch_items` is 1, else `array`."""
    sign: Secret = Secret("")
    """The secret of the signature in `X-Sidekick-Signature` (HMAC-SHA256 with a time stamp)."""
    gzip: bool = False
    """Compress the body (`Content-Encoding: gzip`)."""
    compat: Compat = ""
    """`falcosidekick`: each alert as that sends it, one a request; `format` is then
    `auto` or `object`."""
    lane: LaneConfig = LaneConfig(batch_items=1, concurrency=32)

    @model_validator(mode="after")
    def _one_a_request(self) -> Self:
        if self.compat and self.format not in ("auto", "object"):
            raise ValueError(f"compat: falcosidekick sends objects, found format: {self.format}")
        return self

    @property
    def shape(self) -> str:
        """The format that is used."""
        if self.format != "auto":
            return self.format
        return "object" if self.compat or self.lane.batch_items == 1 else "array"


class Webhook:
    """Posts documents."""

    def __init__(
        self, client: HttpClient, config: Config, now: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._method = config.method
        self._shape = config.shape
        self._gzip = config.gzip
        self._compat = bool(config.compat)
        self._key = config.sign.get_secret_value().encode()
        self._now = now

    async def send(self, batch: Sequence[Envelope]) -> None:
        if self._shape == "object":
            await send_each(batch, self._send_one)
        elif self._shape == "array":
            body = b"[%b]" % b",".join([e.body for e in batch])
            await self._post(body, _batch_id(batch))
        else:
            await self._post(b"\n".join([e.body for e in batch]) + b"\n", _batch_id(batch))

    async def _send_one(self, envelope: Envelope) -> None:
        body = canonical(envelope) + b"\n" if self._compat else envelope.body
        await self._post(body, envelope.id)

    async def _post(self, body: bytes, identity: str) -> None:
        if self._gzip:
            body = await compress(body)
        headers = {"X-Sidekick-Id": identity}
        if self._key:
            headers["X-Sidekick-Signature"] = signature(self._key, int(self._now()), body)
        await self._client.post(body, headers, method=self._method)

    async def probe(self) -> None:
        await self._client.reach()


def signature(key: bytes, secs: int, body: bytes) -> str:
    """The value of ``X-Sidekick-Signature`` for a body sent at that time."""
    digest = hmac.new(key, b"%d.%b" % (secs, body), hashlib.sha256).hexdigest()
    return f"t={secs},v1={digest}"


def _batch_id(batch: Sequence[Envelope]) -> str:
    """One id for these alerts in this order; of a single alert its own."""
    if len(batch) == 1:
        return batch[0].id
    return hashlib.sha256(b",".join([e.id.encode() for e in batch])).hexdigest()[:32]


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """Keep connections to the endpoint open."""
    headers = dict(HEADERS) if config.compat else {"Content-Type": _TYPES[config.shape]}
    if config.gzip:
        headers["Content-Encoding"] = "gzip"
    async with open_client(config, config.url, headers) as client:
        yield Webhook(client, config)
