"""Calls that send or receive many messages: each is told."""

from __future__ import annotations

import ctypes
import platform
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.ebpf import raw
from tests.ebpf.kernel import LIBC, Watcher, watching

x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="int 0x80 is x86's")


@pytest.fixture(scope="module")
def watcher() -> Iterator[Watcher]:
    with watching({"sendmmsg", "recvmmsg", "sendto"}) as found:
        yield found


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        yield found


class Messages:
    """An array of ``struct mmsghdr``."""

    def __init__(self, *messages: tuple[bytes, bytes]) -> None:
        """Each an address and data."""
        self._kept: list[object] = []
        self.count = len(messages)
        entries = [self._entry(*message) for message in messages]
        self.array = ctypes.create_string_buffer(b"".join(entries), 64 * self.count)

    def _entry(self, address: bytes, data: bytes) -> bytes:
        part = struct.pack("<QQ", self._place(data), len(data))
        return struct.pack(
            "<QI4xQQ16xi4xI4x",
            *(self._place(address), len(address)),
            *(self._place(part), 1, 0, 0),
        )

    def _place(self, data: bytes) -> int:
        self._kept.append(ctypes.create_string_buffer(data, max(len(data), 1)))
        return ctypes.addressof(self._kept[-1])  # type: ignore[arg-type]


def sockaddr(port: int, address: str = "127.0.0.1") -> bytes:
    where = struct.pack(">H", port) + socket.inet_aton(address)
    return (struct.pack("<H", socket.AF_INET) + where).ljust(16, b"\0")


def test_each_message_that_is_sent_is_told(watcher: Watcher, receiver: socket.socket) -> None:
    port = receiver.getsockname()[1]
    addresses = [sockaddr(port), sockaddr(port, "127.0.0.2"), sockaddr(9)]

    def act() -> None:
        sent = zip(addresses, (b"one", b"two two", b"3"), strict=True)
        messages = Messages(*sent)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        assert LIBC.sendmmsg(sender.fileno(), messages.array, messages.count, 0) == 3

    records = watcher.calls_of(act, "sendmmsg")

    assert [record.address for record in records] == addresses
    assert [record.data for record in records] == [b"one", b"two two", b"3"]
    assert [record.result for record in records] == [3, 7, 1]
    assert {record.socket.family for record in records if record.socket} == {socket.AF_INET}


def test_of_messages_only_those_that_were_sent_are_told(watcher: Watcher) -> None:
    """The second has no length for its address, so the call ends at it."""

    def act() -> None:
        messages = Messages((sockaddr(9), b"one"), (b"\2\0", b"two"))
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        assert LIBC.sendmmsg(sender.fileno(), messages.array, messages.count, 0) == 1

    (record,) = watcher.calls_of(act, "sendmmsg")

    assert (record.address, record.data) == (sockaddr(9), b"one")


def test_a_failure_is_told_once(watcher: Watcher) -> None:
    def act() -> None:
        messages = Messages((sockaddr(9), b"one"), (sockaddr(9), b"two"))
        assert LIBC.sendmmsg(-1, messages.array, messages.count, 0) == -1

    (record,) = watcher.calls_of(act, "sendmmsg")

    assert record.result == -9
    assert record.argument("res") == -9


def test_each_message_that_is_received_is_told(watcher: Watcher, receiver: socket.socket) -> None:
    def act() -> None:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for text in (b"one", b"three"):
            sender.sendto(text, receiver.getsockname())
        messages = Messages(*[(b"\0" * 16, b"\0" * 100)] * 4)
        wait = socket.MSG_DONTWAIT
        assert LIBC.recvmmsg(receiver.fileno(), messages.array, messages.count, wait, None) == 2

    records = watcher.calls_of(act, "recvmmsg")

    assert [record.data for record in records] == [b"one", b"three"]
    assert [record.result for record in records] == [3, 5]
    assert {(record.address or b"")[4:8] for record in records} == {bytes([127, 0, 0, 1])}


@x86
def test_a_32_bit_send_is_a_sendto_without_an_address(
    watcher: Watcher, receiver: socket.socket
) -> None:
    """What is in memory behind its four arguments belongs to something else."""

    def act() -> None:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.connect(receiver.getsockname())
        call = raw.Int80()
        place = call.data(b"\0" * 24 + b"hi")
        arguments = struct.pack("<6I", sender.fileno(), place + 24, 2, 0, place, 16)
        call.data(arguments + b"hi")
        assert call(102, 9, place) == 2

    (record,) = watcher.calls_of(act, "sendto")

    assert (record.address, record.data) == (None, b"hi")
    assert record.socket is not None
    assert record.socket.remote_port == receiver.getsockname()[1]
