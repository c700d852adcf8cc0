"""Syslog (RFC 5424) over UDP, TCP or TLS.

Syslog acknowledges nothing. Over TCP and TLS a batch counts as delivered once the receiver's
kernel has acknowledged its bytes; over UDP, once it was sent: use UDP where a loss is no harm.
"""

from __future__ import annotations

import asyncio
import fcntl
import re
import socket
import ssl
import struct
import termios
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Literal, Protocol

from pydantic import Field

from sidekick import document
from sidekick.document import Document
from sidekick.errors import Retryable
from sidekick.model import Envelope
from sidekick.section import Size
from sidekick.sinks import LaneConfig, Sink, SinkConfig
from sidekick.sinks import _render as render
from sidekick.sinks._tls import TlsConfig, client_context

_FACILITIES = {"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13}
_FACILITIES |= {f"local{n}": 16 + n for n in range(8)}
Facility = Literal[
    "user", "daemon", "auth", "authpriv", "audit",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip

# RFC 5426 §3.2: receivers should take 2,048 bytes of UDP; rsyslog takes 8 KiB unless told more.
_UDP_BYTES = 2048
_STREAM_BYTES = 8192
_CONNECT_SECS = 10.0
_FIELDS = 32
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
    """Name or address of the receiver."""
    port: int = Field(0, ge=0, le=65535)
    """Its port; 0: 514 for `udp`, 601 for `tcp`, 6514 for `tls`."""
    protocol: Literal["udp", "tcp", "tls"] = "tcp"
    """`tcp` and `tls` frame messages by counting octets (RFC 6587, RFC 5425)."""
    tls: TlsConfig = TlsConfig()
    """Certificates, for `protocol: tls`."""
    facility: Facility = "local0"
    """The facility of each message; its severity is the alert's priority."""
    app_name: str = Field("sidekick", pattern=r"^[!-~]{1,48}$")
    """The name of the application in each message."""
    message: Literal["text", "json"] = "text"
    """`text`: the alert's output; `json`: its document, unless that is too long."""
    fields: bool = True
    """Add the alert's output fields as structured data."""
    enterprise: str = Field("32473", pattern=r"^\d+(\.\d+)*$")
    """The private enterprise number in the names of structured data (`alert@32473`); the default
    is the one set apart for examples (RFC 5612)."""
    max_size: Size = 0
    """Bytes of one message at most; what is longer loses its fields, then its end. 0: 2 KiB for
    `udp`, 8 KiB for the others."""
    lane: LaneConfig = LaneConfig(batch_items=200, concurrency=1)


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


class Transport(Protocol):
    """Carries messages to the receiver."""

    async def send(self, messages: Sequence[bytes]) -> None:
        """Raises ``OSError`` or ``TimeoutError``; after that it is closed."""

    async def reach(self) -> None: ...

    def close(self) -> None: ...


class Datagrams:
    """UDP: a message a datagram."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._socket: socket.socket | None = None

    async def reach(self) -> None:
        if self._socket is None:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            made = socket.socket(family, kind, protocol)
            made.setblocking(False)
            made.connect(address)
            self._socket = made

    async def send(self, messages: Sequence[bytes]) -> None:
        await self.reach()
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        for message in messages:
            await loop.sock_sendall(self._socket, message)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Stream:
    """TCP or TLS: messages framed by their length in octets."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._host, self._port = host, port
        self._context = context
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def reach(self) -> None:
        if not self._is_dead():
            return
        self.close()
        async with asyncio.timeout(_CONNECT_SECS):
            self._reader, self._writer = await asyncio.open_connection(
                self._host, self._port, ssl=self._context
            )
        self._writer.transport.set_write_buffer_limits(0)

    def _is_dead(self) -> bool:
        reader, writer = self._reader, self._writer
        return reader is None or writer is None or reader.at_eof() or writer.is_closing()

    async def send(self, messages: Sequence[bytes]) -> None:
        await self.reach()
        assert self._writer is not None
        self._writer.write(b"".join([b"%d %b" % (len(m), m) for m in messages]))
        await self._writer.drain()
        await self._acknowledged(self._writer)

    async def _acknowledged(self, writer: asyncio.StreamWriter) -> None:
        """Wait until the receiver's kernel has all bytes (SIOCOUTQ, tcp(7)): a write alone
        succeeds into a connection whose other end is gone."""
        number, wait = writer.get_extra_info("socket").fileno(), 0.0005
        while True:
            if self._is_dead():
                raise ConnectionResetError("the receiver closed the connection")
            left = fcntl.ioctl(number, termios.TIOCOUTQ, b"\0\0\0\0")
            if struct.unpack("i", left)[0] == 0:
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, 0.05)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = self._reader = None


class Syslog:
    """One connection, one batch at a time; reconnects when needed."""

    def __init__(self, transport: Transport, writer: Writer, name: str) -> None:
        self._transport = transport
        self._writer = writer
        self._name = name
        self._turn = asyncio.Lock()

    async def send(self, batch: Sequence[Envelope]) -> None:
        messages = [self._writer.message(envelope) for envelope in batch]
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
    port = config.port or {"udp": 514, "tcp": 601, "tls": 6514}[config.protocol]
    context = None
    if config.protocol == "tls":
        context = await asyncio.to_thread(client_context, config.tls)
    transport: Transport = (
        Datagrams(config.host, port)
        if config.protocol == "udp"
        else Stream(config.host, port, context)
    )
    try:
        yield Syslog(transport, Writer(config), f"{config.host}:{port}/{config.protocol}")
    finally:
        transport.close()
