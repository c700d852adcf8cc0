"""Alertmanager, of Debian's package."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import places
from tests.servers.process import NotStarted, free_ports, running

_CONFIG = """\
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


@dataclass(frozen=True)
class Alertmanager:
    """``url`` has no slash at its end."""

    url: str

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that it holds and that are not resolved."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            held: list[dict[str, Any]] = json.load(answer)
        return held

    def forget(self) -> None:
        """Resolve all alerts, so that a test sees only its own."""
        past = "2001-01-01T00:00:00Z"
        gone = [{"labels": a["labels"], "startsAt": past, "endsAt": past} for a in self.alerts()]
        headers = {"Content-Type": "application/json"}
        url = f"{self.url}/api/v2/alerts"
        urllib.request.urlopen(urllib.request.Request(url, json.dumps(gone).encode(), headers))


@contextmanager
def alertmanager(folder: Path) -> Iterator[Alertmanager]:
    """A server with its data in ``folder``, or the one at SIDEKICK_TEST_ALERTMANAGER (a URL)."""
    outside = os.environ.get("SIDEKICK_TEST_ALERTMANAGER")
    if outside:
        yield Alertmanager(outside.rstrip("/"))
        return
    program = places.program("prometheus-alertmanager") or places.program("alertmanager")
    if program is None:
        raise NotStarted("Alertmanager is not installed: run tests/servers/install.py")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "alertmanager.yml"
    config.write_text(_CONFIG)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    with running(command, folder, lambda: _is_ready(url)):
        yield Alertmanager(url)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
