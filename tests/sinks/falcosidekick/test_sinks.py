"""Sinks with ``compat: falcosidekick``: what arrives at their destinations."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from pydantic import ValidationError

from sidekick.sinks import sink_module
from sidekick.sinks._falcosidekick import elasticsearch
from sidekick.sinks._falcosidekick.payload import payload
from sidekick.sinks.alertmanager import Config as AlertmanagerConfig
from sidekick.sinks.alertmanager import compatible_body
from sidekick.sinks.s3 import Config as S3Config
from tests.servers.alertmanager import Alertmanager
from tests.sinks import conform_elasticsearch, conform_kafka, conform_s3
from tests.sinks.conformance import until
from tests.sinks.falcosidekick.alerts import UUID, sent
from tests.sinks.http_stand import HttpStand, http_stand
from tests.sinks.slack_stand import HOOK

_PARSING = "document_parsing_exception"
HEADERS = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Falcosidekick"}


def opened(type_name: str, **keys: Any) -> Any:
    module = sink_module(type_name)
    config = {"type": type_name, "compat": "falcosidekick", **keys}
    return module.open_sink(module.Config.model_validate(config))


@asynccontextmanager
async def receiver(status: int = 200) -> AsyncIterator[HttpStand]:
    async with http_stand(lambda got: web.Response(status=status)) as stand:
        yield stand


@pytest.mark.parametrize("items", [1, 100])
async def test_a_webhook_gets_an_alert_a_request(items: int) -> None:
    one = sent()
    async with (
        receiver() as stand,
        opened("webhook", url=stand.url, lane={"batch_items": items}) as sink,
    ):
        await sink.send([one, one][: min(items, 2)])
    assert [got.body for got in stand.got] == [payload(one).json + b"\n"] * min(items, 2)
    assert HEADERS.items() <= dict(stand.got[0].headers).items()


async def test_slack_gets_the_attachment_and_the_keys_of_the_message() -> None:
    keys = {"username": "Falcosidekick", "icon": "https://x.test/i.png", "channel": "#ops"}
    async with (
        receiver() as stand,
        opened("slack", webhook_url=stand.url + HOOK, footer="f", pace=0, **keys) as sink,
    ):
        await sink.send([sent(output="<!channel> & co")])
    (got,) = stand.got
    said = json.loads(got.body)
    assert list(said) == ["username", "icon_url", "channel", "attachments"]
    (attachment,) = said["attachments"]
    assert list(attachment) == ["fallback", "color", "text", "fields", "footer"]
    assert attachment["text"] == "&lt;!channel&gt; &amp; co"
    assert [field["title"] for field in attachment["fields"]] == [
        *("rule", "priority", "source", "hostname", "tags"),
        *("k8s.ns.name", "k8s.pod.name", "proc.aname[2]", "proc.cmdline", "proc.name", "time"),
    ]
    assert attachment["fields"][-1] == {
        "title": "time",
        "value": "2026-01-02 10:20:30.5 +0000 UTC",
        "short": False,
    }
    assert HEADERS.items() <= dict(got.headers).items()


async def test_loki_gets_the_labels_that_falcosidekick_makes() -> None:
    async with (
        receiver(204) as stand,
        opened("loki", url=stand.url, labels={}, line="text", label_fields=["proc.name"]) as sink,
    ):
        await sink.send([sent(output="said")])
    assert stand.got[0].headers["User-Agent"] == "Falcosidekick"
    assert json.loads(stand.got[0].body) == {
        "streams": [
            {
                "stream": {
                    "hostname": "node-1",
                    "k8s_ns_name": "shop",
                    "k8s_pod_name": "cart-1",
                    "priority": "Notice",
                    "proc_name": "bash",
                    "rule": "Terminal shell in container",
                    "source": "syscall",
                    "tags": "container,shell",
                },
                "values": [["1767349230500000000", "said"]],
            }
        ]
    }


async def test_labels_of_loki_stay_bounded() -> None:
    async with (
        receiver(204) as stand,
        opened("loki", url=stand.url, labels={}, label_values=2) as sink,
    ):
        await sink.send([sent(output_fields={"k8s.pod.name": f"pod-{n}"}) for n in range(4)])
    streams = json.loads(stand.got[0].body)["streams"]
    pods = [one["stream"]["k8s_pod_name"] for one in streams]
    assert pods == ["pod-0", "pod-1", "other"]


@pytest.mark.servers
async def test_alertmanager_takes_it_and_knows_it_again(
    alertmanager_server: Alertmanager,
) -> None:
    keys = {"urls": [alertmanager_server.url], "resolve_after": 0, "label_skip": ["evt.time"]}
    rule = f"Rule {os.urandom(4).hex()}"
    async with opened("alertmanager", severities={"NOTICE": "page"}, **keys) as sink:
        for time in (1, 2):
            await sink.send([sent(rule=rule, output_fields={"evt.time": time, "proc.name": "a"})])
    found = [one for one in alertmanager_server.alerts() if one["labels"]["rule"] == rule]
    assert [one["labels"] for one in found] == [
        {
            "alertname": rule,
            "rule": rule,
            "source": "falco",
            "eventsource": "syscall",
            "hostname": "node-1",
            "tags": "container,shell",
            "priority": "Notice",
            "severity": "page",
            "proc_name": "a",
        }
    ]


@pytest.mark.parametrize(
    ("late_secs", "end"), [(59, "2026-01-02T10:21:30.5Z"), (60, "0001-01-01T00:00:00Z")]
)
def test_an_alert_that_waited_for_long_does_not_come_resolved(late_secs: int, end: str) -> None:
    config = AlertmanagerConfig(urls=["http://h"], compat="falcosidekick", resolve_after=60)
    body = compatible_body(config, lambda: sent().time_ns + late_secs * 10**9)
    assert json.loads(body([sent()]))[0]["endsAt"] == end


@pytest.mark.servers
async def test_elasticsearch_keeps_the_document(tmp_path: Path) -> None:
    async with conform_elasticsearch.open_stand(tmp_path) as stand:
        async with opened("elasticsearch", **stand.keys, flatten_fields=True) as sink:
            await sink.send([sent(output_fields={"proc.name": "a", "proc.aname[2]": "b"})])
        (found,) = await stand.documents(f"{stand.index}*")
    assert found["@timestamp"] == found["time"] == "2026-01-02T10:20:30.5Z"
    assert found["output_fields"] == {"proc_name": "a", "proc_aname[2]": "b"}
    assert "sidekick" not in found


@pytest.mark.servers
async def test_elasticsearch_gets_an_alert_without_the_fields_that_do_not_fit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {"n": {"type": "long"}, "m": {"type": "date"}, "proc": {"type": "keyword"}}
    mappings = {"properties": {"output_fields": {"properties": fields}}}
    batch = [
        sent(output_fields={"n": 1}),
        msgspec.structs.replace(
            sent(output_fields={"n": "none", "m": "never", "proc.name": "a", "x": "b"}), id="other"
        ),
    ]
    async with conform_elasticsearch.open_stand(tmp_path) as stand:
        await stand.ask("PUT", f"/{stand.index}", {"mappings": mappings})
        async with opened("elasticsearch", **{**stand.keys, "setup": False}) as sink:
            await sink.send(batch)
            await sink.send(batch)
        found = await stand.documents()
    assert sorted(len(one["output_fields"]) for one in found) == [1, 1]
    assert {"x": "b"} in [one["output_fields"] for one in found]
    assert all(one["@timestamp"] == "2026-01-02T10:20:30.5Z" for one in found)
    assert caplog.text.count("does not fit the index") == 3


@pytest.mark.parametrize(
    ("result", "field"),
    [
        ({"status": 201}, ""),
        ({"error": {"type": "other", "reason": "[output_fields.a] of type"}}, ""),
        ({"error": {"type": _PARSING, "reason": "[1:2] [output_fields.a.b[2]] of type"}}, "a.b[2]"),
        ({"error": {"type": _PARSING, "reason": "for [output_fields.a]: b"}}, "a"),
        ({"error": {"type": _PARSING, "reason": "[1:2] [hostname] of type [long]"}}, ""),
        ({"error": {"type": _PARSING}}, ""),
    ],
)
def test_the_field_that_does_not_fit_is_known(result: dict[str, Any], field: str) -> None:
    assert elasticsearch.unfit_field(result) == field


def test_an_object_goes_with_its_field_and_a_field_with_its_object() -> None:
    document = b'{"output_fields":{"a":{"b":1},"a.b":2,"a.b.c":3,"a.bc":4,"d":5}}'
    left = json.loads(elasticsearch.without(document, "a.b"))["output_fields"]
    assert left == {"a.bc": 4, "d": 5}


@pytest.mark.servers
async def test_s3_has_an_object_an_alert_with_its_moment_as_name(tmp_path: Path) -> None:
    batch = [msgspec.structs.replace(sent(), seq=n) for n in (7, 8, 1_000_009)]
    async with conform_s3.open_stand(tmp_path) as stand:
        async with opened("s3", **{**stand.keys, "prefix": "falco"}) as sink:
            await sink.send(batch)
            await sink.send(batch)
        found = await stand.objects()
    moment = "falco/2026-01-02/2026-01-02T10:20:30.600"
    assert [one.key for one in found] == [f"{moment}00000{n}Z.json" for n in (7, 8, 9)]
    assert {one.text.encode() for one in found} == {payload(batch[0]).json}


@pytest.mark.servers
async def test_kafka_has_messages_without_key_and_headers(tmp_path: Path) -> None:
    async with conform_kafka.open_stand(tmp_path) as stand:
        async with opened("kafka", **stand.keys) as sink:
            await sink.send([sent()])
        (found,) = await stand.messages()
    assert (found.key, found.value) == (None, payload(sent()).json)
    assert list(found.headers) == []


@asynccontextmanager
async def lines() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A receiver of lines over TCP: its port, and what came."""
    came: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            came.append(line)
        writer.close()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()


async def test_syslog_gets_lines_over_tcp() -> None:
    async with lines() as (port, came):
        async with opened("syslog", host="127.0.0.1", port=port, message="json") as sink:
            await sink.send([sent(), sent(priority="Emergency")])
        await until(lambda: len(came) == 2)
    told = re.compile(rb"<(\d)>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (\S+) Falco\[(\d+)\]: (.*)\n")
    first, second = (told.fullmatch(line) for line in came)
    assert first is not None
    assert second is not None
    host, process = socket.gethostname().encode(), str(os.getpid()).encode()
    assert first.groups() == (b"5", host, process, payload(sent()).json)
    assert second[1] == b"0"


async def test_syslog_gets_cef_in_which_nothing_can_be_forged() -> None:
    alert = sent(
        rule="a|b",
        output="x=1 uuid=2\nnext",
        output_fields={"b": 1, "a": "y=\\"},
    )
    async with lines() as (port, came):
        async with opened("syslog", host="127.0.0.1", port=port, message="cef") as sink:
            await sink.send([alert])
        await until(lambda: came)
    assert came[0].decode().partition("]: ")[2] == (
        rf"CEF:0|Falcosecurity|Falco|1.0|Falco Event|a\|b|4|uuid={UUID} "
        r"start=2026-01-02T10:20:30Z msg=x\=1 uuid\=2\nnext source=syscall hostname=node-1 "
        r"outputfields=a:y\=\\ b:1 tags=container,shell" + "\n"
    )


@pytest.mark.parametrize(
    ("type_name", "keys", "wanted"),
    [
        ("webhook", {"url": "http://h", "format": "ndjson"}, "sends objects"),
        ("slack", {"token": "xoxb-1", "channel": "c"}, "posts to a webhook_url"),
        ("syslog", {"host": "h"}, "json or cef"),
        ("syslog", {"host": "h", "message": "json", "protocol": "tls"}, "udp or tcp"),
        ("alertmanager", {"urls": ["http://h"], "severities": {"high": "x"}}, "wanted one of"),
        ("alertmanager", {"urls": ["http://h"], "drop_priority": "high"}, "wanted one of"),
    ],
)
def test_what_falcosidekick_cannot_do_is_refused(
    type_name: str, keys: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(ValidationError, match=wanted):
        sink_module(type_name).Config.model_validate(keys | {"compat": "falcosidekick"})


@pytest.mark.parametrize(
    ("type_name", "keys", "wanted"),
    [
        ("syslog", {"host": "h", "message": "cef"}, "message: cef"),
        ("alertmanager", {"urls": ["http://h"], "resolve_after": 0}, "resolve_after: 0"),
    ],
)
def test_what_only_falcosidekick_does_is_refused_without_compat(
    type_name: str, keys: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(ValidationError, match=wanted):
        sink_module(type_name).Config.model_validate(keys)


def test_objects_of_s3_are_written_one_by_one_unless_the_lane_is_set() -> None:
    keys = {"bucket": "alerts", "compat": "falcosidekick"}
    assert S3Config.model_validate(keys).lane.concurrency == 64
    lane = S3Config.model_validate(keys | {"lane": {"concurrency": 3}}).lane
    assert (lane.concurrency, lane.batch_items, lane.timeout) == (3, 1, 60.0)
