"""Loki: streams of few labels, lines in order, and lines that come too late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.errors import Rejected
from sidekick.model import Priority
from sidekick.section import Secret
from sidekick.sinks import Sink
from sidekick.sinks._labels import label_name
from sidekick.sinks.loki import Config, Writer, open_sink
from tests.servers.victorialogs import PUSH_PATH, VictoriaLogs
from tests.sinks.conformance import envelope, identity
from tests.sinks.loki_stand import LokiStand, loki_stand

_NOON_NS = 1767355200 * 10**9


@asynccontextmanager
async def pushing(**keys: Any) -> AsyncIterator[tuple[LokiStand, Sink]]:
    async with (
        loki_stand() as stand,
        open_sink(Config.model_validate({**stand.keys, **keys})) as sink,
    ):
        yield stand, sink


def pushed(*changes: dict[str, Any], **keys: Any) -> list[dict[str, Any]]:
    writer = Writer(Config.model_validate({"url": "http://h", **keys}))
    body = writer.body([envelope(n, **change) for n, change in enumerate(changes)])
    streams: list[dict[str, Any]] = json.loads(body)["streams"]
    return streams


async def test_a_real_server_of_the_push_api_has_what_was_sent(
    victorialogs_server: VictoriaLogs,
) -> None:
    config = Config(
        url=victorialogs_server.url,
        path=PUSH_PATH,
        tenant=Secret("7:0"),
        structured_metadata=True,
        gzip=True,
    )
    async with open_sink(config) as sink:
        await sink.probe()
        await sink.send([envelope(n, time_ns=_NOON_NS + n) for n in range(3)])
        await sink.send([envelope(3, time_ns=_NOON_NS + 3)])
    lines = await asyncio.to_thread(victorialogs_server.lines, tenant=7)
    assert [json.loads(line["_msg"])["uuid"] for line in lines] == [identity(n) for n in range(4)]
    assert [line["id"] for line in lines] == [identity(n) for n in range(4)]
    assert lines[3]["_time"] == "2026-01-02T12:00:00.000000003Z"
    assert lines[0]["_stream"] == (
        '{job="sidekick",priority="Notice",rule="Terminal shell in container",source="syscall"}'
    )


async def test_a_real_server_keeps_tenants_apart(victorialogs_server: VictoriaLogs) -> None:
    keys = {"url": victorialogs_server.url, "path": PUSH_PATH, "tenant": "8:0"}
    async with open_sink(Config.model_validate(keys)) as sink:
        await sink.send([envelope(1)])
    (line,) = await asyncio.to_thread(victorialogs_server.lines, tenant=8)
    assert json.loads(line["_msg"])["uuid"] == identity(1)


def test_alerts_of_the_same_labels_are_one_stream_in_the_order_of_their_time() -> None:
    first, other = pushed(
        {"time_ns": 30}, {"time_ns": 10}, {"priority": Priority.ERROR, "time_ns": 20}
    )
    assert first["stream"] == {
        "job": "sidekick",
        "source": "syscall",
        "priority": "Notice",
        "rule": "Terminal shell in container",
    }
    assert [when for when, _ in first["values"]] == ["10", "30"]
    assert json.loads(first["values"][0][1])["uuid"] == identity(1)
    assert other["stream"]["priority"] == "Error"


def test_a_line_can_be_the_output_and_carry_metadata() -> None:
    ((_, line, metadata),) = pushed({}, line="text", structured_metadata=True)[0]["values"]
    assert line == f"A shell was spawned id={identity(0)}"
    assert metadata == {"id": identity(0), "fingerprint": "f000000000000000", "score": "42"}


async def test_lines_that_come_too_late_go_with_the_present_time_and_alone() -> None:
    async with pushing() as (stand, sink):
        stand.oldest_ns = 1_700_000_000_000_000_002
        with pytest.raises(Rejected):
            await sink.send([envelope(1), envelope(5)])
        await sink.send([envelope(1)])
        times = [when for lines in stand.streams.values() for when, _ in lines]
    assert max(times) > 1_750_000_000_000_000_000


async def test_a_packed_body_is_the_same_to_loki() -> None:
    async with pushing(gzip=True) as (stand, sink):
        await sink.send([envelope(n) for n in range(3)])
        assert await stand.ids() == [identity(n) for n in range(3)]


async def test_another_tenant_is_refused_without_telling_its_name() -> None:
    async with pushing(tenant="tenant-of-another") as (_, sink):
        with pytest.raises(Exception, match="401") as raised:
            await sink.send([envelope(1)])
    assert "tenant-of-another" not in str(raised.value)


@given(st.text())
def test_every_field_has_a_legal_label_name(field: str) -> None:
    name = label_name(field)
    assert name.isascii()
    assert name.isidentifier()


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("alert.rule", "rule"),
        ("k8s.ns.name", "k8s_ns_name"),
        ("proc.aname[2]", "proc_aname_2"),
        ("2fast", "_2fast"),
        ("", "_"),
    ],
)
def test_a_label_is_named_after_its_field(field: str, name: str) -> None:
    assert label_name(field) == name
