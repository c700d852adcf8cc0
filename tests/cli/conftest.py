"""A hub in a process of its own, and the commands as a user runs them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.system import System
from tests.servers.process import free_ports
from tests.web.listening import alert

SIDEKICK = Path(sys.executable).parent / "sidekick"


class Hub:
    """A running hub: its commands, and senders of alerts."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.url = f"http://127.0.0.1:{system.admin_port}"
        self.config = system.directory / "sidekick.yaml"

    def post(self, body: bytes) -> int:
        """The status of a POST of one alert."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.system.port}/", body)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def __call__(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return sidekick(*words, url=self.url, **more)


def sidekick(
    *words: str, url: str = "http://127.0.0.1:1", stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [SIDEKICK, *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"SIDEKICK_URL": url} | environment,
    )


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for all tests: two lanes, of which one works; an alert, a dead letter, a bad body."""
    (dead,) = free_ports(1)
    folder = tmp_path_factory.mktemp("hub")
    config: dict[str, Any] = {
        "sinks": {
            "out": {"type": "file", "path": str(folder / "alerts.ndjson")},
            "gone": {
                "type": "webhook",
                "url": f"http://127.0.0.1:{dead}/",
                "lane": {"attempts": 1},
            },
        },
    }
    system = System(folder, config)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(system.start())
    running = Hub(system)
    try:
        assert running.post(alert("Shell", output_fields={"proc.name": "bash"})) == 200
        assert running.post(alert("Steal\x1b[31m", priority="Critical")) == 200
        assert running.post(b"{") == 400
        until(lambda: running("lanes").returncode == 0)
        until(lambda: dead_letters(running))
        yield running
    finally:
        assert system.process is not None
        system.process.kill()
        loop.run_until_complete(system.process.wait())
        loop.close()


def until(condition: Callable[[], object], secs: float = 20.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def dead_letters(hub: Hub) -> list[dict[str, Any]]:
    """What the lane gave up on; one JSON object a line."""
    return [json.loads(line) for line in hub("dead", "list", "--json").stdout.splitlines()]


def columns(text: str) -> Sequence[Sequence[str]]:
    """The words of each line."""
    return [line.split() for line in text.splitlines()]
