"""Alertmanager: what a real one holds of an alert, and clusters of which some members fail."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from sidekick.errors import Rejected, Retryable
from sidekick.model import Priority
from sidekick.sinks.alertmanager import Config, Writer, open_sink
from tests.servers.alertmanager import Alertmanager
from tests.sinks.conformance import envelope, identity
from tests.sinks.http_stand import Got, HttpStand, http_stand

NOW = 1_800_000_000_000_000_000


def made(*changes: dict[str, Any], **keys: Any) -> list[dict[str, Any]]:
    """What is sent for these alerts."""
    config = Config.model_validate({"urls": ["http://h"], **keys})
    writer = Writer(config, now_ns=lambda: NOW)
    body = writer.body([envelope(n, **change) for n, change in enumerate(changes)])
    found: list[dict[str, Any]] = json.loads(body)
    return found


@pytest.mark.servers
class TestARealAlertmanager:
    async def test_holds_one_alert_a_fingerprint(self, alertmanager_server: Alertmanager) -> None:
        alertmanager_server.forget()
        config = Config(urls=[alertmanager_server.url], labels={"cluster": "production"})
        async with open_sink(config) as sink:
            await sink.probe()
            await sink.send([envelope(1, fingerprint="a"), envelope(2, fingerprint="b")])
            await sink.send([envelope(3, fingerprint="a", kind="reminder", count=9)])
        held = {alert["labels"]["fingerprint"]: alert for alert in alertmanager_server.alerts()}
        assert set(held) == {"a", "b"}
        assert held["a"]["annotations"]["id"] == identity(3)
        assert "seen 9 times" in held["a"]["annotations"]["history"]
        assert held["a"]["labels"]["cluster"] == "production"
        assert held["a"]["status"]["state"] == "active"


def test_an_alert_has_what_people_route_by_and_read() -> None:
    (alert,) = made({"fields": {"k8s.ns.name": "shop", "proc.name": "cat"}}, annotations={"r": "x"})
    assert alert["labels"] == {
        "alertname": "Terminal shell in container",
        "severity": "information",
        "priority": "Notice",
        "source": "syscall",
        "fingerprint": "f000000000000000",
        "hostname": "node-1",
        "k8s_ns_name": "shop",
    }
    told = alert["annotations"]
    assert told["summary"] == "Notice: Terminal shell in container"
    assert told["fields"] == "k8s.ns.name: shop\nproc.name: cat"
    assert told["score_reasons"] == "priority +30 (Notice), asset +12 (namespace prod)"
    assert (told["score"], told["tags"], told["r"]) == ("42", "container, shell", "x")


@pytest.mark.parametrize(
    ("priority", "severity"),
    [
        (Priority.EMERGENCY, "critical"),
        (Priority.CRITICAL, "critical"),
        (Priority.ERROR, "warning"),
        (Priority.WARNING, "warning"),
        (Priority.NOTICE, "information"),
        (Priority.DEBUG, "information"),
    ],
)
def test_the_severity_has_the_usual_words(priority: Priority, severity: str) -> None:
    assert made({"priority": priority})[0]["labels"]["severity"] == severity


def test_one_that_waited_long_is_not_resolved_on_arrival() -> None:
    (alert,) = made({"first_seen_ns": NOW - 86_400 * 10**9}, resolve_after="1h")
    assert alert["startsAt"] == "2027-01-14T08:00:00.000000000Z"
    assert alert["endsAt"] == "2027-01-15T09:00:00.000000000Z"


def test_a_sender_that_makes_up_names_cannot_make_labels_without_end() -> None:
    alerts = made(*({"hostname": f"node-{n}"} for n in range(10)), label_values=3)
    assert [a["labels"]["hostname"] for a in alerts] == ["node-0", "node-1", "node-2"] + [
        "other"
    ] * 7


class Cluster:
    """Members that answer as told."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.members: list[HttpStand] = []

    async def member(self, status: int, headers: dict[str, str] | None = None) -> None:
        def take(got: Got) -> web.Response:
            return web.Response(status=status, headers=headers or {})

        self.members.append(await self._stack.enter_async_context(http_stand(take)))

    @property
    def config(self) -> Config:
        return Config(urls=[member.url for member in self.members])


@pytest.mark.parametrize(
    ("statuses", "raised"),
    [
        ((200, 200), None),
        ((200, 500), None),
        ((400, 200), None),
        ((500, 500), Retryable),
        ((400, 503), Retryable),
        ((400, 400), Rejected),
    ],
)
async def test_it_is_delivered_when_a_member_took_it(
    statuses: tuple[int, ...], raised: type[Exception] | None
) -> None:
    async with AsyncExitStack() as stack:
        cluster = Cluster(stack)
        for status in statuses:
            await cluster.member(status)
        sink = await stack.enter_async_context(open_sink(cluster.config))
        if raised is None:
            await sink.send([envelope(1)])
        else:
            with pytest.raises(raised):
                await sink.send([envelope(1)])
        assert [len(member.got) for member in cluster.members] == [1, 1]


async def test_the_soonest_member_says_when_to_come_again() -> None:
    async with AsyncExitStack() as stack:
        cluster = Cluster(stack)
        await cluster.member(503, {"Retry-After": "30"})
        await cluster.member(503, {"Retry-After": "7"})
        sink = await stack.enter_async_context(open_sink(cluster.config))
        with pytest.raises(Retryable) as raised:
            await sink.send([envelope(1)])
    assert raised.value.after == 7


async def test_a_member_that_fails_is_told_once_and_again_when_it_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    answers = iter([500, 500, 200])
    async with (
        http_stand(lambda got: web.Response(status=next(answers))) as failing,
        http_stand(lambda got: web.Response()) as working,
        open_sink(Config(urls=[failing.url, working.url])) as sink,
    ):
        for n in range(3):
            await sink.send([envelope(n)])
    told = [record.message for record in caplog.records if "member" in record.message]
    assert told == [
        "a member of the Alertmanager cluster fails",
        "a member of the Alertmanager cluster works",
    ]
