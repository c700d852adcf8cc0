"""What follows from the fields that an event names."""

from __future__ import annotations

from typing import Any

import pytest

from sidekick.rules.derived import Derived

PROCESS = {"proc.name": "cat", "proc.pname": "bash", "proc.aname[3]": "sshd"}
CLIENT = {"fd.cip": "10.0.0.1", "fd.cport": 5000, "fd.sip": "1.2.3.4", "fd.sport": 443}


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        (PROCESS, "proc.aname", ["bash", "sshd"]),
        (PROCESS, "proc.aname[0]", "cat"),
        (PROCESS, "proc.aname[1]", "bash"),
        (PROCESS, "proc.aname[2]", None),
        ({"proc.aname": ["bash", "sshd"]}, "proc.aname[2]", "sshd"),
        ({"proc.aname": ["bash", "sshd"]}, "proc.pname", "bash"),
        ({"proc.aname[1]": "bash"}, "proc.pname", "bash"),
        ({"proc.aname[1]": "bash"}, "proc.name", None),
        ({"proc.pid": 5, "proc.ppid": 1}, "proc.apid", [1]),
        ({"proc.pexepath": "/bin/sh"}, "proc.aexepath[1]", "/bin/sh"),
        ({"proc.pname": None}, "proc.aname", None),
        ({"proc.aenv": ["A=b"]}, "proc.aenv[1]", None),
        ({"proc.name": "sh", "proc.args": "-c ls"}, "proc.cmdline", "sh -c ls"),
        ({"proc.name": "sh", "proc.args": ""}, "proc.cmdline", "sh"),
        ({"proc.name": "sh"}, "proc.cmdline", None),
        ({"proc.name": "sh", "proc.cmdline": "sh -c ls"}, "proc.args", "-c ls"),
        ({"proc.name": "sh", "proc.cmdline": "sh"}, "proc.args", ""),
        ({"proc.name": "sh", "proc.cmdline": "bash -c sh x"}, "proc.args", None),
        ({"proc.env": "A=b HOME=/root"}, "proc.env[HOME]", "/root"),
        ({"proc.env": "XHOME=/root"}, "proc.env[HOME]", None),
        ({"proc.vpid": 5, "proc.vpgid": 5}, "proc.is_vpgid_leader", True),
        ({"proc.vpid": 5, "proc.vpgid": 1}, "proc.is_vpgid_leader", False),
        ({"proc.vpid": 5}, "proc.is_vpgid_leader", None),
        ({"evt.rawres": 3}, "evt.res", "SUCCESS"),
        ({"evt.rawres": -2}, "evt.res", "ENOENT"),
        ({"evt.rawres": -9999}, "evt.res", "9999"),
        ({"evt.rawres": -2}, "evt.failed", True),
        ({"evt.res": "EINPROGRESS"}, "evt.rawres", -115),
        ({"evt.res": "SUCCESS", "evt.type": "connect"}, "evt.rawres", 0),
        ({"evt.res": "SUCCESS", "evt.type": "open", "fd.num": 4}, "evt.rawres", 4),
        ({"evt.res": "SUCCESS", "evt.type": "open"}, "evt.rawres", None),
        ({"evt.res": "ENOENT"}, "evt.failed", True),
        ({}, "evt.failed", None),
        ({"evt.type": "open", "evt.arg.flags": "O_RDWR|O_CREAT"}, "evt.is_open_write", True),
        ({"evt.type": "open", "evt.arg.flags": "O_RDWR|O_CREAT"}, "evt.is_open_read", True),
        ({"evt.type": "open", "evt.arg[flags]": "O_RDONLY"}, "evt.is_open_write", False),
        ({"evt.type": "open"}, "evt.is_open_write", None),
        ({"evt.type": "connect"}, "evt.is_open_write", False),
        ({"evt.arg.flags": "O_RDONLY"}, "evt.arg[flags]", "O_RDONLY"),
        ({"evt.arg[flags]": "O_RDONLY"}, "evt.arg.flags", "O_RDONLY"),
        ({"fd.name": "/etc/shadow"}, "fd.directory", "/etc"),
        ({"fd.name": "/etc/shadow"}, "fd.filename", "shadow"),
        ({"fd.name": "/x"}, "fd.directory", "/"),
        ({"fd.name": "/etc", "fd.typechar": "d"}, "fd.directory", "/etc"),
        ({"fd.name": "/etc", "fd.typechar": "d"}, "fd.filename", None),
        ({"fd.name": "/run/x.sock", "fd.typechar": "u"}, "fd.directory", None),
        ({"fd.name": "1.2.3.4:1->5.6.7.8:2"}, "fd.directory", None),
        ({"fd.type": "ipv4"}, "fd.typechar", "4"),
        ({"fd.typechar": "f"}, "fd.type", "file"),
        ({"fd.typechar": "6"}, "fd.sockfamily", "ip"),
        ({"fd.type": "unix"}, "fd.sockfamily", "unix"),
        ({"fd.typechar": "f"}, "fd.sockfamily", None),
        (CLIENT, "fd.ip", ["10.0.0.1", "1.2.3.4"]),
        (CLIENT, "fd.net", ["10.0.0.1", "1.2.3.4"]),
        (CLIENT, "fd.port", [5000, 443]),
        (CLIENT, "fd.snet", "1.2.3.4"),
        ({"fd.lip": "10.0.0.1"}, "fd.ip", ["10.0.0.1"]),
        ({"fd.rnet": "10.0.0.1"}, "fd.rip", "10.0.0.1"),
        (CLIENT, "fd.proto", [5000, 443]),
        ({"evt.rawtime": 5}, "evt.time.iso8601", "1970-01-01T00:00:00.000000005+0000"),
        ({"evt.rawtime": 1_000_000_005}, "evt.rawtime.s", 1),
        ({"evt.rawtime": 1_000_000_005}, "evt.rawtime.ns", 5),
        ({}, "evt.time", None),
        ({}, "fd.ip", None),
        ({}, "no.such", None),
    ],
)
def test_a_field_follows_from_others(given: dict[str, Any], key: str, value: Any) -> None:
    assert Derived(given)[key] == value


def test_what_is_given_stays_and_what_is_null_is_absent() -> None:
    record = Derived({"proc.aname": ["a"], "proc.aname[1]": "b", "proc.pname": None})
    assert record["proc.aname"] == ["a"]
    assert record["proc.aname[1]"] == "b"
    assert record["proc.pname"] is None
