"""Elasticsearch: one node without the licensed parts (no ILM, no security, no ``_data_stream``)."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import places
from tests.servers.process import NotStarted, free_ports, running


@dataclass(frozen=True)
class Elasticsearch:
    """``url`` has no slash at its end."""

    url: str


@contextmanager
def elasticsearch(folder: Path) -> Iterator[Elasticsearch]:
    """A node with its data in ``folder``."""
    java, home = places.java(), places.elasticsearch()
    if java is None or not home.exists():
        raise NotStarted("Elasticsearch is not installed: run tests/servers/install.py")
    (port,) = free_ports(1)
    (folder / "data" / "config").mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        *(java, "-Xmx384m", "-XX:TieredStopAtLevel=1", "--module-path", home / "lib"),
        *("--add-modules", "org.elasticsearch.server,ALL-MODULE-PATH"),
        *("-cp", home / "main", "Elasticsearch", home, folder / "data", str(port)),
    ]
    with running(command, folder, lambda: _is_healthy(url)):
        yield Elasticsearch(url)


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health?local=true", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
