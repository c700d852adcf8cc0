from __future__ import annotations

import socket
import struct

import pytest

from sidekick.sensor.sockets import Endpoint, Tuples, connection, sockaddr
from tests.sensor.records import Socket

LOCAL, REMOTE = b"\x0a\0\0\1", b"\x0a\0\0\2"
UDP = Socket(type=2, protocol=17, state=7, remote=b"\0\0\0\0", remote_port=0)
MAPPED = b"\0" * 10 + b"\xff\xff"


def inet(address: str, port: int) -> bytes:
    return struct.pack("<H", 2) + port.to_bytes(2, "big") + socket.inet_aton(address) + b"\0" * 8


def inet6(address: str, port: int) -> bytes:
    packed = socket.inet_pton(socket.AF_INET6, address)
    return struct.pack("<H", 10) + port.to_bytes(2, "big") + b"\0" * 4 + packed + b"\0" * 4


@pytest.mark.parametrize(
    ("raw", "end"),
    [
        (inet("1.2.3.4", 80), Endpoint(b"\1\2\3\4", 80)),
        (inet6("::1", 443), Endpoint(b"\0" * 15 + b"\1", 443)),
        (inet6("::ffff:1.2.3.4", 443), Endpoint(b"\1\2\3\4", 443)),
        (b"\1\0/run/x.sock\0", Endpoint(unix="/run/x.sock")),
        (b"\1\0\0abstract", Endpoint(unix="@abstract")),
        (b"\2\0\0", Endpoint()),
        (b"", Endpoint()),
        (b"\x63\0whatever", Endpoint()),
    ],
)
def test_addresses_as_calls_are_given_them(raw: bytes, end: Endpoint) -> None:
    assert sockaddr(raw) == end


def test_who_connects_is_the_client() -> None:
    found = connection("connect", Socket(), 0, inet("10.0.0.2", 443))
    assert found.name == "10.0.0.1:40000->10.0.0.2:443"
    assert found.client == Endpoint(LOCAL, 40_000)
    assert found.server == Endpoint(REMOTE, 443)
    assert found.connected
    assert found.kind == ("4", "ipv4")
    assert found.l4proto == "tcp"


def test_who_accepts_is_the_server() -> None:
    given = Socket(local_port=22, remote_port=50_000)
    found = connection("accept4", given, 5, None)
    assert found.name == "10.0.0.2:50000->10.0.0.1:22"
    assert found.server == Endpoint(LOCAL, 22)


def test_who_listens_has_no_client() -> None:
    given = Socket(remote=b"\0\0\0\0", remote_port=0, local_port=22, state=10)
    found = connection("listen", given, 0, None)
    assert found.name == "10.0.0.1:22"
    assert found.client is None
    assert found.server == Endpoint(LOCAL, 22)


@pytest.mark.parametrize("result", [-111, -101, -115])
def test_a_connection_that_failed_has_the_address_that_was_asked_for(result: int) -> None:
    given = Socket(local=b"\0\0\0\0", local_port=0, remote=b"\0\0\0\0", remote_port=0, state=7)
    found = connection("connect", given, result, inet("10.9.9.9", 22))
    assert found.server == Endpoint(b"\x0a\x09\x09\x09", 22)
    assert not found.connected


def test_a_datagram_goes_where_the_call_says() -> None:
    found = connection("sendto", UDP, 10, inet("8.8.8.8", 53))
    assert found.server == Endpoint(b"\x08\x08\x08\x08", 53)
    assert (found.l4proto, found.connected) == ("udp", False)


def test_a_datagram_comes_from_where_the_call_says() -> None:
    given = Socket(type=2, protocol=17, state=7, local_port=53, remote=b"\0" * 4, remote_port=0)
    found = connection("recvfrom", given, 10, inet("10.0.0.9", 40_001))
    assert found.server == Endpoint(LOCAL, 53)
    assert found.client == Endpoint(b"\x0a\0\0\x09", 40_001)


def test_a_fresh_socket_has_neither_name_nor_role() -> None:
    given = Socket(local=b"\0" * 4, local_port=0, remote=b"\0" * 4, remote_port=0, state=7)
    found = connection("socket", given, 3, None)
    assert (found.client, found.server) == (None, None)


def test_mapped_addresses_are_ipv4() -> None:
    given = Socket(family=10, local=MAPPED + LOCAL, remote=MAPPED + REMOTE)
    found = connection("connect", given, 0, None)
    assert found.kind == ("4", "ipv4")
    assert found.name == "10.0.0.1:40000->10.0.0.2:443"


def test_ipv6() -> None:
    one = b"\0" * 15 + b"\1"
    found = connection("connect", Socket(family=10, local=one, remote=one), 0, None)
    assert found.kind == ("6", "ipv6")
    assert found.name == "::1:40000->::1:443"


def test_unix_sockets_have_paths() -> None:
    given = Socket(family=1, local=b"", remote=b"", protocol=0, remote_path=b"/run/docker.sock")
    found = connection("connect", given, 0, None)
    assert found.kind == ("u", "unix")
    assert found.name == "->/run/docker.sock"
    assert found.l4proto is None
    assert not found.is_ip


@pytest.mark.parametrize(("family", "letter"), [(16, "n"), (17, "o"), (40, "o")])
def test_other_families(family: int, letter: str) -> None:
    given = Socket(family=family, local=b"", remote=b"", local_port=0, remote_port=0)
    assert connection("socket", given, 3, None).kind.letter == letter


@pytest.mark.parametrize(
    ("family", "type_", "protocol", "name"),
    [(2, 1, 6, "tcp"), (2, 1, 0, "tcp"), (2, 2, 0, "udp"), (2, 3, 1, "icmp"), (10, 3, 58, "icmp")],
)
def test_protocols(family: int, type_: int, protocol: int, name: str) -> None:
    given = Socket(family=family, type=type_, protocol=protocol)
    assert connection("connect", given, 0, None).l4proto == name


def test_a_peer_is_new_once() -> None:
    tuples = Tuples(limit=2)
    first = connection("sendto", UDP, 1, inet("8.8.8.8", 53))
    second = connection("sendto", UDP, 1, inet("9.9.9.9", 53))
    assert [tuples.changed(1, one) for one in (first, first, second, first)] == [
        True,
        False,
        True,
        True,
    ]
    tuples.changed(2, first)
    tuples.changed(3, first)
    assert tuples.changed(1, first)
    assert len(tuples._last) == 2
