"""Sockets in Falco's words: who is the client, who the server, what the connection is called."""

from __future__ import annotations

import socket
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from sidekick.sensor.files import IPV4, IPV6, NETLINK, OTHER, UNIX, FdKind
from sidekick.sensor.record import Socket, text_of

_MAPPED = b"\0" * 10 + b"\xff\xff"
_ESTABLISHED = 1
_EPHEMERAL = 32_768
_PROTOCOLS: dict[int, str] = {
    socket.IPPROTO_TCP: "tcp",
    socket.IPPROTO_UDP: "udp",
    socket.IPPROTO_ICMP: "icmp",
    socket.IPPROTO_ICMPV6: "icmp",
    socket.IPPROTO_RAW: "raw",
}
_OF_TYPE: dict[int, str] = {
    socket.SOCK_STREAM: "tcp",
    socket.SOCK_DGRAM: "udp",
    socket.SOCK_RAW: "raw",
}
_RECEIVING = frozenset({"recvfrom", "recvmsg", "recvmmsg", "read", "readv"})


class Endpoint(NamedTuple):
    """An address, packed, and a port; ``unix`` is a path in place of both."""

    address: bytes = b""
    port: int = 0
    unix: str = ""

    @property
    def text(self) -> str:
        """As it stands in the name of a connection."""
        if not self.address:
            return self.unix
        return f"{address_text(self.address)}:{self.port}"


NOWHERE = Endpoint()


@dataclass(frozen=True, slots=True)
class Connection:
    """A socket at the time of an event. ``client`` and ``server`` are None without a role."""

    kind: FdKind
    l4proto: str | None
    local: Endpoint
    remote: Endpoint
    client: Endpoint | None
    server: Endpoint | None
    connected: bool

    @property
    def is_ip(self) -> bool:
        """Is it one of the internet's?"""
        return self.kind in (IPV4, IPV6)

    @property
    def name(self) -> str | None:
        """``client->server``; of one that listens its own address alone; None for a fresh one."""
        if self.client is None and self.server is not None:
            return self.server.text or None
        left, right = (self.client or self.local).text, (self.server or self.remote).text
        return f"{left}->{right}" if left or right else None


def address_text(packed: bytes) -> str:
    """An address as people write it."""
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed)


def sockaddr(raw: bytes) -> Endpoint:
    """The endpoint that the kernel's ``struct sockaddr`` names; nothing for what is cut short."""
    family = int.from_bytes(raw[:2], "little")
    if family == socket.AF_INET and len(raw) >= 8:
        return Endpoint(raw[4:8], int.from_bytes(raw[2:4], "big"))
    if family == socket.AF_INET6 and len(raw) >= 24:
        return Endpoint(_unmapped(raw[8:24]), int.from_bytes(raw[2:4], "big"))
    if family == socket.AF_UNIX and len(raw) > 2:
        return Endpoint(unix=_unix_text(raw[2:]))
    return NOWHERE


def connection(type_: str, sock: Socket, result: int | None, named: bytes | None) -> Connection:
    """The socket of an event of a type; ``named`` is the ``sockaddr`` that the call was given."""
    local, remote = _ends(sock)
    given = sockaddr(named) if named and type_ in _NAMING else NOWHERE
    if given != NOWHERE and (remote in (NOWHERE, _any(remote)) or type_ != "accept"):
        remote = given
    kind = _kind(sock.family, local, remote)
    client, server = _roles(type_, sock, local, remote)
    connected = _is_connected(type_, sock, result)
    return Connection(kind, _l4proto(sock), local, remote, client, server, connected)


_NAMING = frozenset({"connect", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"})


def _ends(sock: Socket) -> tuple[Endpoint, Endpoint]:
    if sock.family == socket.AF_UNIX:
        return (
            Endpoint(unix=_unix_text(sock.local_path)),
            Endpoint(unix=_unix_text(sock.remote_path)),
        )
    return (
        Endpoint(_unmapped(sock.local), sock.local_port),
        Endpoint(_unmapped(sock.remote), sock.remote_port),
    )


def _any(end: Endpoint) -> Endpoint:
    """The same if it stands for no address at all."""
    return end if not end.port and not any(end.address) and not end.unix else NOWHERE


def _unmapped(packed: bytes) -> bytes:
    return packed[12:] if len(packed) == 16 and packed.startswith(_MAPPED) else packed


def _unix_text(raw: bytes) -> str:
    if raw.startswith(b"\0"):
        return "@" + text_of(raw[1:].rstrip(b"\0")) if len(raw) > 1 else ""
    return text_of(raw.partition(b"\0")[0])


def _kind(family: int, local: Endpoint, remote: Endpoint) -> FdKind:
    if family == socket.AF_INET:
        return IPV4
    if family == socket.AF_INET6:
        return IPV4 if len(remote.address or local.address) == 4 else IPV6
    if family == socket.AF_UNIX:
        return UNIX
    return NETLINK if family == socket.AF_NETLINK else OTHER


def _l4proto(sock: Socket) -> str | None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return _PROTOCOLS.get(sock.protocol) or _OF_TYPE.get(sock.type)


def _roles(
    type_: str, sock: Socket, local: Endpoint, remote: Endpoint
) -> tuple[Endpoint | None, Endpoint | None]:
    """Client and server. Who neither connected nor accepted is guessed by the ports: the one that
    was chosen by the system is the client's."""
    if type_ == "connect":
        return local, remote
    if type_ in ("accept", "accept4"):
        return remote, local
    if type_ in ("listen", "bind"):
        return None, local
    if remote == NOWHERE or _any(remote) == remote:
        return None, None
    if sock.family == socket.AF_UNIX:
        return local, remote
    if local.port and (local.port < remote.port or local.port < _EPHEMERAL <= remote.port):
        return remote, local
    if not local.port and type_ in _RECEIVING:
        return remote, local
    return local, remote


def _is_connected(type_: str, sock: Socket, result: int | None) -> bool:
    if type_ in ("connect", "accept", "accept4"):
        return result is not None and result >= 0
    return sock.state == _ESTABLISHED


class Tuples:
    """Which peers unconnected sockets had last, by the socket's inode; bounded."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._last: OrderedDict[int, tuple[Endpoint, Endpoint]] = OrderedDict()

    def changed(self, ino: int, found: Connection) -> bool:
        """Is the peer another one than before? (``fd.name_changed``)"""
        ends = (found.local, found.remote)
        if self._last.get(ino) == ends:
            self._last.move_to_end(ino)
            return False
        self._last[ino] = ends
        if len(self._last) > self._limit:
            self._last.popitem(last=False)
        return True
