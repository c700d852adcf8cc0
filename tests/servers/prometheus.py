"""Prometheus: scrapes the targets that a test names, and answers queries about them."""

from __future__ import annotations

import json
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import places
from tests.servers.answering import Quiet, serving
from tests.servers.process import NotStarted, free_ports, running

_CONFIG = """\
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: tests
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@dataclass
class Scraped:
    """What Prometheus shall scrape, as ``host:port``; nothing at first."""

    target: str = ""


@dataclass(frozen=True)
class Prometheus:
    """``url`` has no slash at its end."""

    url: str
    scraped: Scraped = field(default_factory=Scraped)

    def scrape(self, target: str = "") -> None:
        """From now on scrape ``/metrics`` of this ``host:port`` every 200 ms, or of nobody."""
        self.scraped.target = target

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
    server = Prometheus(f"http://127.0.0.1:{port}")
    config = folder / "prometheus.yml"
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    with _passing_on(server.scraped) as passing:
        config.write_text(_CONFIG.format(port=passing))
        with running(command, folder, lambda: is_ready(server.url)):
            yield server


@contextmanager
def another_prometheus(folder: Path) -> Iterator[Prometheus]:
    """A second one, for tests that sum up all that theirs has scraped."""
    with prometheus(folder) as found:
        yield found


def _passing_on(scraped: Scraped) -> AbstractContextManager[int]:
    """What Prometheus scrapes all the time: a change of its targets takes it up to five seconds."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            wanted = {name: self.headers[name] for name in ("Accept", "User-Agent")}
            request = urllib.request.Request(f"http://{scraped.target}{self.path}", headers=wanted)
            # An answer that is empty is none to Prometheus.
            with suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.end_headers()
                shutil.copyfileobj(answer, self.wfile)

    return serving(Handler)


def is_ready(url: str) -> bool:
    """Whether a server answers there."""
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
