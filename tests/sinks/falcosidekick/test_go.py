"""Every payload is, to the byte, what real Go makes of the same request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sidekick.model import Envelope
from sidekick.sinks import alertmanager, loki
from sidekick.sinks._falcosidekick import elasticsearch, slack
from sidekick.sinks._falcosidekick.payload import payload
from tests.nightly import examples
from tests.sinks.falcosidekick.alerts import ALERT, UUID, bodies, envelope
from tests.sinks.falcosidekick.oracle import Oracle, oracle


@pytest.fixture(scope="module")
def go() -> Iterator[Oracle]:
    with oracle() as started:
        yield started


def _slack(content: str) -> Callable[[Envelope], bytes]:
    always = {"username": "Falcosidekick"}
    return lambda one: slack.body(payload(one), content, "from falco", always)


def _loki(line: str) -> Callable[[Envelope], bytes]:
    keys = {"labels": {}, "label_fields": ["proc.name"], "label_values": 10**6, "line": line}
    config = loki.Config.model_validate({"url": "http://h", "compat": "falcosidekick", **keys})
    writer = loki.Writer(config)
    return lambda one: writer.body([one])


def _alertmanager(**keys: Any) -> Callable[[Envelope], bytes]:
    known = {"urls": ["http://h"], "compat": "falcosidekick", "label_skip": []}
    config = alertmanager.Config.model_validate(known | keys)
    body = alertmanager.compatible_body(config, now_ns=lambda: -(2**63))
    return lambda one: body([one])


OURS: dict[str, Callable[[Envelope], bytes]] = {
    "canonical": lambda one: payload(one).json,
    "elasticsearch": lambda one: elasticsearch.document(one, flat=True),
    "slack all": _slack("all"),
    "slack text": _slack("text"),
    "slack fields": _slack("fields"),
    "loki text": _loki("text"),
    "loki json": _loki("json"),
    "alertmanager": _alertmanager(resolve_after=0),
    "alertmanager 1h": _alertmanager(resolve_after="1h"),
}


def ours(body: bytes) -> dict[str, str]:
    """Our payloads of a request."""
    one = envelope(body)
    return {name: make(one).decode() for name, make in OURS.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tags": [], "hostname": ""},
        {"source": ""},
        {"rule": "Test rule"},
        {"output_fields": {"a": "\u2028<&>\x00\x7f\u00e9"}},
        {"output_fields": {"n_drops": 1234, "n_evts": 9}, "priority": "Debug"},
        {"output_fields": {f"field{n}": "<" * n for n in range(70)}},
        {"output_fields": {"a": "é" * 2000, "b": "x" * 513}, "output": "é" * 2000 + "!"},
        {"time": "2026-01-02T10:20:30.120+02:00"},
    ],
    ids=lambda changes: ",".join(changes) or "plain",
)
def test_a_payload_is_what_go_writes(go: Oracle, changes: dict[str, Any]) -> None:
    body = json.dumps(ALERT | changes).encode()
    assert ours(body) == go.ask(UUID, body)


@settings(max_examples=examples(150, 5_000))
@given(st.data())
def test_whatever_falco_posts_becomes_what_go_makes_of_it(go: Oracle, data: st.DataObject) -> None:
    body = data.draw(bodies())
    theirs = go.ask(UUID, body)
    assume(theirs)  # an alert without output_fields is taken here alone
    assert ours(body) == theirs


def test_the_judge_refuses_what_falcosidekick_refuses(go: Oracle) -> None:
    assert go.ask(UUID, b'{"rule":"r"}') == {}
