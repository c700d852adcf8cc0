from __future__ import annotations

import os
from typing import Any

import pytest

from tests.sensor.fields.events import event, knowledge
from tests.sensor.records import File, Record, Socket, call_record, exec_record

LOCAL, REMOTE = b"\x0a\0\0\1", b"\x0a\0\0\2"
NAME: dict[str, int | bytes] = {"name": b"../etc/shadow", "flags": 0, "dirfd": -100}
OPEN = call_record(file=File(b"/etc/shadow"), arguments=NAME)
CONNECT = call_record("connect", 0, socket=Socket(), arguments={"fd": 5})
UDP = Socket(type=2, protocol=17, state=7, remote=b"\0\0\0\0", remote_port=0)
DNS = b"\2\0\0\x35\x08\x08\x08\x08" + b"\0" * 8


def failed(type_: str) -> Record:
    return call_record(type_, -2, cwd=b"/tmp", arguments=NAME)


@pytest.mark.parametrize(
    ("record", "key", "value"),
    [
        (OPEN, "fd.num", 3),
        (OPEN, "fd.name", "/etc/shadow"),
        (OPEN, "fd.nameraw", "../etc/shadow"),
        (OPEN, "fd.directory", "/etc"),
        (OPEN, "fd.filename", "shadow"),
        (OPEN, "fd.typechar", "f"),
        (OPEN, "fd.type", "file"),
        (OPEN, "fd.ino", 47),
        (OPEN, "fd.ip", None),
        (OPEN, "fd.l4proto", "<NA>"),
        (OPEN, "fd.connected", False),
        (OPEN, "fs.path.name", "/etc/shadow"),
        (OPEN, "fs.path.nameraw", "../etc/shadow"),
        (failed("openat"), "fd.num", -1),
        (failed("openat"), "fd.name", "/etc/shadow"),
        (failed("openat"), "fd.directory", "/etc"),
        (failed("openat"), "fd.filename", None),
        (failed("openat"), "fd.typechar", "f"),
        (failed("openat2"), "fd.typechar", "f"),
        (failed("creat"), "fd.typechar", "f"),
        (failed("open"), "fd.typechar", "o"),
        (failed("openat"), "fd.type", None),
        (call_record("socket", -97), "fd.typechar", "4"),
        (call_record("accept4", -11), "fd.typechar", "4"),
        (CONNECT, "fd.num", 5),
        (CONNECT, "fd.name", "10.0.0.1:40000->10.0.0.2:443"),
        (CONNECT, "fd.typechar", "4"),
        (CONNECT, "fd.type", "ipv4"),
        (CONNECT, "fd.cip", LOCAL),
        (CONNECT, "fd.sip", REMOTE),
        (CONNECT, "fd.lip", LOCAL),
        (CONNECT, "fd.rip", REMOTE),
        (CONNECT, "fd.snet", REMOTE),
        (CONNECT, "fd.cport", 40_000),
        (CONNECT, "fd.sport", 443),
        (CONNECT, "fd.lport", 40_000),
        (CONNECT, "fd.rport", 443),
        (CONNECT, "fd.sproto", "443"),
        (CONNECT, "fd.ip", (LOCAL, REMOTE)),
        (CONNECT, "fd.net", (LOCAL, REMOTE)),
        (CONNECT, "fd.port", (40_000, 443)),
        (CONNECT, "fd.l4proto", "tcp"),
        (CONNECT, "fd.sockfamily", "ip"),
        (CONNECT, "fd.connected", True),
        (CONNECT, "fd.is_server", False),
        (CONNECT, "fd.directory", None),
        (CONNECT, "fd.filename", None),
        (exec_record(), "fd.num", None),
        (exec_record(), "fd.name", None),
        (call_record("chmod", 0, arguments={"filename": b"/x"}), "fd.name", None),
        (call_record("chmod", 0, arguments={"filename": b"/x"}), "fs.path.name", "/x"),
        (call_record("unlinkat", 0, arguments={"name": b"/x"}), "fs.path.name", "/x"),
        (call_record("rename", 0, arguments={"oldpath": b"/x"}), "fs.path.source", "/x"),
        (call_record("rename", 0, arguments={"newpath": b"y"}), "fs.path.target", "/root/y"),
        (call_record("rename", 0, arguments={"oldpath": b"/x"}), "fs.path.name", None),
        (call_record("symlink", 0, arguments={"target": b"/x"}), "fs.path.sourceraw", "/x"),
        (call_record("fchmod", 0, file=File(b"/x"), arguments={"fd": 4}), "fd.name", "/x"),
        (call_record("fchmod", 0, file=File(b"/x"), arguments={"fd": 4}), "fd.num", 4),
        (call_record("dup2", 1, socket=Socket(), arguments={"oldfd": 5}), "fd.type", "ipv4"),
        (call_record("dup2", 1, socket=Socket(), arguments={"oldfd": 5}), "fd.num", 1),
    ],
)
def test_fields_of_a_descriptor(record: Record, key: str, value: Any) -> None:
    assert event(record)[key] == value


def test_a_directory_is_one_if_it_was_opened_as_one() -> None:
    found = event(call_record(file=File(b"/etc", mode=0o40755, flags=os.O_DIRECTORY)))
    assert (found["fd.typechar"], found["fd.directory"], found["fd.filename"]) == (
        "d",
        "/etc",
        None,
    )


def test_a_server_that_listens_has_one_end() -> None:
    sock = Socket(local_port=22, remote=b"\0\0\0\0", remote_port=0, state=10)
    found = event(call_record("listen", 0, socket=sock))
    assert (found["fd.sip"], found["fd.sport"], found["fd.cip"]) == (LOCAL, 22, None)
    assert (found["fd.ip"], found["fd.name"]) == ((LOCAL,), "10.0.0.1:22")


def test_who_accepts_is_the_server() -> None:
    sock = Socket(local_port=22, remote_port=50_000)
    found = event(call_record("accept4", 7, socket=sock))
    assert (found["fd.num"], found["fd.cip"], found["fd.sport"]) == (7, REMOTE, 22)
    assert found["fd.connected"] is True


def test_a_datagram_to_a_new_peer_changes_the_name_once() -> None:
    known = knowledge()
    record = call_record("sendto", 9, socket=UDP, address=DNS, file=File(b"socket:", ino=5))
    seen = [event(record, known)["fd.name_changed"] for _ in range(2)]
    assert seen == [True, False]
    assert event(record, known)["fd.connected"] is False
    assert event(record, known)["fd.sport"] == 53


def test_a_name_that_rules_ask_for_is_looked_up_beforehand() -> None:
    class Names:
        def of(self, address: bytes) -> tuple[str, ...]:
            return ("pool.example",) if address == REMOTE else ()

    known = knowledge()
    known.names = Names()
    assert event(CONNECT, known)["fd.sip.name"] == ("pool.example",)
    assert event(CONNECT, known)["fd.cip.name"] == ()
    assert event(CONNECT)["fd.sip.name"] is None
