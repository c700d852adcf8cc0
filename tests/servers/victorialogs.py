"""VictoriaLogs: a log store that takes lines by Loki's push API.

Grafana Loki itself is in no package, is built for minutes with gigabytes of sources, and is under
the AGPL. So the wire is tested against this server, and what only Loki refuses (lines that come too
late, labels that are too many) against a stand-in that is as strict (``tests/sinks/loki_stand``).
"""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import places
from tests.servers.process import NotStarted, free_ports, running

PUSH_PATH = "/insert/loki/api/v1/push"


@dataclass(frozen=True)
class VictoriaLogs:
    """``url`` has no slash at its end."""

    url: str

    def lines(self, tenant: int) -> list[dict[str, str]]:
        """What it holds: ``_time``, ``_msg``, ``_stream``, labels and metadata of every line.

        A tenant pushes as ``X-Scope-OrgID: NUMBER:0``.
        """
        with urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=20):
            pass  # until then a search does not find the newest lines
        query = urllib.parse.urlencode({"query": "_time:100y | sort by (_time)"}).encode()
        request = urllib.request.Request(
            f"{self.url}/select/logsql/query", query, {"AccountID": str(tenant), "ProjectID": "0"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return [json.loads(line) for line in answer]


@contextmanager
def victorialogs(folder: Path) -> Iterator[VictoriaLogs]:
    """A server with its data in ``folder``."""
    program = places.victorialogs() / "bin" / "victoria-logs"
    if not program.exists():
        raise NotStarted("VictoriaLogs is not installed: run tests/servers/install.py")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        program,
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",  # older lines are dropped without a word
        "-loki.disableMessageParsing",  # keep the line as it came
        "-loggerLevel=WARN",
    ]
    with running(command, folder, lambda: _is_ready(url)):
        yield VictoriaLogs(url)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/insert/loki/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
