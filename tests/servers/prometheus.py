"""Prometheus: scrapes the targets that a test names, and answers queries about them."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import places
from tests.servers.process import NotStarted, free_ports, running

_CONFIG = """\
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: tests
    file_sd_configs: [{{files: [{targets}], refresh_interval: 1s}}]
"""


@dataclass(frozen=True)
class Prometheus:
    """``url`` has no slash at its end."""

    url: str
    targets_file: Path

    def scrape(self, *targets: str) -> None:
        """From now on scrape ``/metrics`` of these ``host:port`` every 200 ms, and no others."""
        half = self.targets_file.with_suffix(".half")
        half.write_text(json.dumps([{"targets": list(targets)}]))
        half.rename(self.targets_file)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of a PromQL expression now: ``[{"metric": {...}, "value": [time, text]}]``."""
        result: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return result

    def wait(self, expression: str) -> None:
        """Until the expression has a result."""
        deadline = time.monotonic() + 30
        while not self.query(expression):
            assert time.monotonic() < deadline, f"{expression} never came true"
            time.sleep(0.1)

    def ask(self, path: str, **parameters: str) -> Any:
        """The ``data`` of ``GET /api/v1/<path>``, for example of ``query_exemplars``."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]


@contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    """A server with its data in ``folder``; it scrapes nothing until ``scrape`` is called."""
    program = places.program("prometheus")
    if program is None:
        raise NotStarted("Prometheus is not installed: run tests/servers/install.py")
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    server = Prometheus(f"http://127.0.0.1:{port}", folder / "targets.json")
    server.scrape()
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(targets=server.targets_file))
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    with running(command, folder, lambda: is_ready(server.url)):
        yield server


def is_ready(url: str) -> bool:
    """Whether a server answers there."""
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
