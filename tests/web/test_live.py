from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import httpx
import pytest
from starlette.types import ASGIApp

from sidekick.model import Priority
from sidekick.web.live import MAX_WATCHERS, with_heartbeats
from tests.web.fake_hub import Admin, FakeHub, document
from tests.web.serving import Server, serving, wait_for


class Running:
    """A served application and its hub."""

    def __init__(self, server: Server, hub: FakeHub) -> None:
        self.server = server
        self.hub = hub
        self.client = httpx.Client(base_url=f"{server.url}/api/v1", timeout=10)

    def say(self, *bodies: bytes) -> None:
        def add() -> None:
            self.hub.live.extend(bodies)
            self.hub.more.set()

        self.server.call(add)

    def end(self) -> None:
        def end() -> None:
            self.hub.ended = True
            self.hub.more.set()

        self.server.call(end)


@pytest.fixture
def running() -> Iterator[Running]:
    hubs: list[FakeHub] = []

    def make() -> ASGIApp:
        hubs.append(FakeHub())
        return Admin(hubs[0]).app

    with serving(make) as server:
        found = Running(server, hubs[0])
        yield found
        found.end()
        found.client.close()


def data(lines: Iterator[str], count: int) -> list[str]:
    """The data of so many events."""
    found: list[str] = []
    while len(found) < count:
        line = next(lines)
        if line.startswith("data: "):
            found.append(line.removeprefix("data: "))
    return found


def test_every_alert_is_one_event(running: Running) -> None:
    with running.client.stream("GET", "/alerts/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == ": live"
        running.say(document(1), document(2))
        assert data(lines, 2) == [document(1).decode(), document(2).decode()]


def test_a_condition_chooses(running: Running) -> None:
    parameters = {"match": "alert.rule = Miner"}
    with running.client.stream("GET", "/alerts/live", params=parameters) as answer:
        lines = answer.iter_lines()
        running.say(document(1), document(2, "Miner", Priority.CRITICAL))
        assert data(lines, 1) == [document(2, "Miner", Priority.CRITICAL).decode()]


def test_a_faulty_condition_is_told_before_the_stream_begins(running: Running) -> None:
    answer = running.client.get("/alerts/live", params={"match": "?"})
    assert answer.status_code == 400


def test_the_stream_ends_with_the_hub(running: Running) -> None:
    with running.client.stream("GET", "/alerts/live") as answer:
        lines = answer.iter_lines()
        next(lines)
        running.end()
        assert [line for line in lines if line] == []


def test_a_watcher_that_leaves_is_let_go(running: Running) -> None:
    with running.client.stream("GET", "/alerts/live") as answer:
        lines = answer.iter_lines()
        assert (next(lines), running.hub.watchers) == (": live", 1)
    wait_for(lambda: running.hub.watchers == 0)


def test_there_is_a_bound_on_watchers(running: Running) -> None:
    with ExitStack() as streams:
        views = [
            streams.enter_context(running.client.stream("GET", "/alerts/live")).iter_lines()
            for _ in range(MAX_WATCHERS)
        ]
        assert {next(view) for view in views} == {": live"}
        answer = running.client.get("/alerts/live")
        assert answer.status_code == 503
        assert "close one" in answer.json()["detail"]


async def test_silence_is_filled_with_heartbeats() -> None:
    async def documents() -> AsyncIterator[bytes]:
        yield b"one"
        await released.wait()
        yield b"two"

    released = asyncio.Event()
    found: list[bytes | None] = []
    async for body in with_heartbeats(documents(), 0.001):
        found.append(body)
        if found.count(None) == 2:
            released.set()
    assert [f for f in found if f] == [b"one", b"two"]
    assert found[1:3] == [None, None]
