"""Syslog (RFC 5424) over UDP, TCP or TLS.

Syslog acknowledges nothing. Over TCP and TLS a batch counts as delivered once the receiver's
kernel has acknowledged its bytes; over UDP, once it was sent: use UDP where a loss is no harm.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from sidekick import document
from sidekick.document import Document
from sidekick.errors import Retryable
from sidekick.model import Envelope
from sidekick.section import Size
from sidekick.sinks import LaneConfig, Sink, SinkConfig
from sidekick.sinks import _render as render
from sidekick.sinks._falcosidekick import Compat
from sidekick.sinks._falcosidekick import syslog as compatible
from sidekick.sinks._falcosidekick.payload import payload
from sidekick.sinks._syslog_transport import Datagrams, Stream, Transport, counted
from sidekick.sinks._tls import TlsConfig, client_context

_FACILITIES = {"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13}
_FACILITIES |= {f"local{n}": 16 + n for n in range(8)}
Facility = Literal[
    "user", "daemon", "auth", "authpriv", "audit",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip

# RFC 5426 §3.2: receivers should take 2,048 bytes of UDP; rsyslog takes 8 KiB unless told more.
_UDP_BYTES = 2048
_LARGEST_DATAGRAM = 65_507
_STREAM_BYTES = 8192
_FIELDS = 32
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_FIELD_CHARACTERS = 512
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)


class Config(SinkConfig):
    """A syslog receiver."""

    example: ClassVar[str] = """\
type: syslog
host: syslog.example.com
port: 6514
protocol: tls
facility: authpriv
"""

    type: Literal["syslog"] = "syslog"
    host: str
    """Name or address of the receiver; for `protocol: unix` the path of its socket, `/dev/log`."""
    port: int = Field(0, ge=0, le=65535)
    """Its port; 0: 514 for `udp`, 601 for `tcp`, 6514 for `tls`."""
    protocol: Literal["udp", "tcp", "tls", "unix"] = "tcp"
    """`tcp` and `tls` frame messages by counting octets (RFC 6587, RFC 5425). `unix`: this
    machine's own syslog or journal, in the form of syslog(3): Falco's line of text, or with
    `message: json` the document."""
    tls: TlsConfig = TlsConfig()
    """Certificates, for `protocol: tls`."""
    facility: Facility = "local0"
    """The facility of each message; its severity is the alert's priority."""
    app_name: str = Field("sidekick", pattern=r"^[!-~]{1,48}$")
    """The name of the application in each message."""
    message: Literal["text", "json", "cef"] = "text"
    """`text`: the alert's output; `json`: its document, unless that is too long; `cef`: ArcSight's
    Common Event Format, with `compat` only."""
    fields: bool = True
    """Add the alert's output fields as structured data."""
    enterprise: str = Field("32473", pattern=r"^\d+(\.\d+)*$")
    """The private enterprise number in the names of structured data (`alert@32473`); the default
    is the one set apart for examples (RFC 5612)."""
    max_size: Size = 0
    """Bytes of one message at most; what is longer loses its fields, then its end. 0: 2 KiB for
    `udp`, 8 KiB for the others."""
    compat: Compat = ""
    """`falcosidekick`: the line that that writes: RFC 3164 with a time of RFC 3339, tag
    `Falco`, the facility of the kernel, `message` as `json` or `cef`, each ended by a newline."""
    lane: LaneConfig = LaneConfig(batch_items=200, concurrency=1)

    @model_validator(mode="after")
    def _of_its_form(self) -> Self:
        if self.protocol == "unix" and not self.host.startswith("/"):
            raise ValueError("protocol: unix wants the path of a socket as host, such as /dev/log")
        if self.compat and (self.message == "text" or self.protocol in ("tls", "unix")):
            raise ValueError("compat: falcosidekick writes message: json or cef, over udp or tcp")
        if self.message == "cef" and not self.compat:
            raise ValueError("message: cef is for compat: falcosidekick")
        return self


class Writer:
    """Makes the messages of one instance."""

    def __init__(self, config: Config) -> None:
        self._facility = _FACILITIES[config.facility]
        self._app_name = config.app_name
        self._as_json = config.message == "json"
        self._fields = config.fields
        self._enterprise = config.enterprise
        self._limit = config.max_size or (_UDP_BYTES if config.protocol == "udp" else _STREAM_BYTES)

    def message(self, envelope: Envelope) -> bytes:
        """``<PRI>1 TIME HOST APP - MSGID [alert@N ...][fields@N ...] BOM MSG``."""
        found = document.read(envelope.body)
        head = self._head(envelope, found)
        own = self._element("alert", _facts(envelope, found))
        text = f"{render.title(found)}: {render.plain(render.output(found))}".encode()
        wishes = []
        if self._fields and found.output_fields:
            own_and_fields = own + self._element("fields", render.facts(found, _FIELDS))
            if self._as_json:
                wishes.append((own_and_fields, envelope.body))
            wishes.append((own_and_fields, text))
        if self._as_json:
            wishes.insert(1, (own, envelope.body))
        for data, message in wishes:
            if len(head) + len(data) + 4 + len(message) <= self._limit:
                return head + data + b" \xef\xbb\xbf" + message
        room = self._limit - len(head) - len(own) - 4
        return head + own + b" \xef\xbb\xbf" + render.clip_bytes(text.decode(), room)

    def _head(self, envelope: Envelope, found: Document) -> bytes:
        severity = 8 - envelope.priority  # Emergency 8 is severity 0, Debug 1 is 7
        host = _printable(found.hostname, 255)
        kind = _printable(found.rule, 32)
        when = _time(found.time) or render.rfc3339(envelope.time_ns)[:26] + "Z"
        pri = self._facility * 8 + severity
        return f"<{pri}>1 {when} {host} {self._app_name} - {kind} ".encode()

    def _element(self, name: str, facts: Sequence[tuple[str, str]]) -> bytes:
        seen: dict[str, str] = {}
        for key, value in facts:
            seen.setdefault(_parameter(key), render.clip(value, _FIELD_CHARACTERS))
        texts = [f' {key}="{_escaped(value)}"' for key, value in seen.items()]
        return f"[{name}@{self._enterprise}{''.join(texts)}]".encode(errors="replace")


class LocalWriter:
    """Makes what syslog(3) writes, which is what listens on /dev/log expects."""

    def __init__(self, config: Config) -> None:
        self._facility = _FACILITIES[config.facility]
        self._tag = f"{config.app_name}[{os.getpid()}]"
        self._as_json = config.message == "json"
        self._limit = config.max_size or _STREAM_BYTES

    def message(self, envelope: Envelope) -> bytes:
        """``<PRI>Mmm dd hh:mm:ss TAG: TEXT``; one that is too long loses its end."""
        when = time.localtime(envelope.time_ns // 10**9)
        stamp = f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:2} {time.strftime('%H:%M:%S', when)}"
        head = f"<{self._facility * 8 + 8 - envelope.priority}>{stamp} {self._tag}: ".encode()
        text = document.as_falco_text(envelope.body)
        if self._as_json and len(head) + len(envelope.body) <= self._limit:
            text = envelope.body
        return head + render.clip_bytes(text.decode(), self._limit - len(head))


class CompatibleWriter:
    """Makes falcosidekick's lines."""

    def __init__(self, config: Config, now: Callable[[], float] = time.time) -> None:
        self._as_cef = config.message == "cef"
        self._limit = _LARGEST_DATAGRAM if config.protocol == "udp" else sys.maxsize
        self._limit = config.max_size or self._limit
        self._host = _printable(socket.gethostname(), 255)
        self._now = now

    def message(self, envelope: Envelope) -> bytes:
        """The line; one that is too long loses its end."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
        alert = payload(envelope)
        line = compatible.line(alert, now, self._host, os.getpid(), self._as_cef)
        return line if len(line) <= self._limit else line[: self._limit - 1] + b"\n"


def _facts(envelope: Envelope, found: Document) -> list[tuple[str, str]]:
    facts = [
        ("id", envelope.id),
        ("rule", found.rule),
        ("priority", found.priority),
        ("source", found.source),
        ("tags", ",".join(found.tags)),
    ]
    note = found.sidekick
    if note is not None:
        facts += [
            ("score", str(note.score)),
            ("fingerprint", note.fingerprint),
            ("kind", note.kind),
            ("count", str(note.count)),
        ]
    return [(key, value) for key, value in facts if value]


def _time(text: str) -> str | None:
    """The sender's time with at most six digits of its fraction (RFC 5424 §6.2.3)."""
    match = _TIME.fullmatch(text)
    if not match:
        return None
    fraction = f".{match[2]}" if match[2] else ""
    return f"{match[1]}{fraction}{match[3]}"


def _printable(text: str, limit: int) -> str:
    return re.sub(r"[^!-~]", "_", text)[:limit] or "-"


def _parameter(name: str) -> str:
    """A PARAM-NAME: printable ASCII without ``=``, ``]`` and ``"``, at most 32 characters."""
    return re.sub(r'[^!-~]|[=\]"]', "_", name.replace("[", ".").replace("]", ""))[:32] or "_"


def _escaped(value: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", render.plain(value))


class Syslog:
    """One connection, one batch at a time; reconnects when needed."""

    def __init__(
        self, transport: Transport, message: Callable[[Envelope], bytes], name: str
    ) -> None:
        self._transport = transport
        self._message = message
        self._name = name
        self._turn = asyncio.Lock()

    async def send(self, batch: Sequence[Envelope]) -> None:
        messages = [self._message(envelope) for envelope in batch]
        async with self._turn:
            await self._carry(messages)

    async def probe(self) -> None:
        async with self._turn:
            await self._carry(())

    async def _carry(self, messages: Sequence[bytes]) -> None:
        done = False
        try:
            await (self._transport.send(messages) if messages else self._transport.reach())
            done = True
        except (OSError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "no connection in time"
            raise Retryable(f"{self._name}: {reason}") from error
        finally:
            if not done:  # also when cancelled: half a message may be on its way
                self._transport.close()


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """The connection is made with the first alert."""
    port = config.port or {"udp": 514, "tcp": 601, "tls": 6514, "unix": 0}[config.protocol]
    context = None
    if config.protocol == "tls":
        context = await asyncio.to_thread(client_context, config.tls)
    place = f"{config.host}:{port}/{config.protocol}"
    transport: Transport
    if config.protocol == "unix":
        transport, place = Datagrams(config.host, None), config.host
    elif config.protocol == "udp":
        transport = Datagrams(config.host, port)
    else:
        transport = Stream(config.host, port, context, bytes if config.compat else counted)
    try:
        yield Syslog(transport, _writer(config), place)
    finally:
        transport.close()


def _writer(config: Config) -> Callable[[Envelope], bytes]:
    if config.protocol == "unix":
        return LocalWriter(config).message
    return (CompatibleWriter if config.compat else Writer)(config).message
