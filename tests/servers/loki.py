"""Grafana Loki. It is in no package: ``python -m tests.servers.loki`` builds it from its Go module.

That takes some six minutes, 3 GB of Go's caches and the Go release that Loki names; so the tests
against it are skipped where nobody has done that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import places
from tests.servers.process import NotStarted, free_ports, running

VERSION = "v3.7.8"
MODULE = "github.com/grafana/loki/v3"

_CONFIG = """\
auth_enabled: true
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1,
          grpc_listen_port: {grpc}, log_level: warn}}
common:
  instance_addr: 127.0.0.1
  path_prefix: {folder}
  storage: {{filesystem: {{chunks_directory: {folder}/chunks, rules_directory: {folder}/rules}}}}
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}}}
schema_config:
  configs:
    - {{from: 2020-10-24, store: tsdb, object_store: filesystem, schema: v13,
        index: {{prefix: index_, period: 24h}}}}
limits_config: {{reject_old_samples: true, reject_old_samples_max_age: 168h}}
ingester: {{lifecycler: {{final_sleep: 0s, min_ready_duration: 0s}}}}
analytics: {{reporting_enabled: false}}
"""


@dataclass(frozen=True)
class Loki:
    """``url`` has no slash at its end."""

    url: str

    def streams(self, tenant: str, query: str = '{job="sidekick"}') -> list[dict[str, Any]]:
        """The streams of a LogQL query over the last ten years, oldest lines first."""
        parameters = {"query": query, "limit": "1000", "direction": "forward", "since": "240h"}
        request = urllib.request.Request(
            f"{self.url}/loki/api/v1/query_range?{urllib.parse.urlencode(parameters)}",
            headers={"X-Scope-OrgID": tenant},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


@contextmanager
def loki(folder: Path) -> Iterator[Loki]:
    """A server with its data in ``folder``, or the one at SIDEKICK_TEST_LOKI (a URL)."""
    outside = os.environ.get("SIDEKICK_TEST_LOKI")
    if outside:
        yield Loki(outside.rstrip("/"))
        return
    if not is_built():
        raise NotStarted("Loki is not built: run python -m tests.servers.loki")
    folder.mkdir(parents=True, exist_ok=True)
    http, grpc = free_ports(2)
    config = folder / "loki.yaml"
    config.write_text(_CONFIG.format(http=http, grpc=grpc, folder=folder))
    url = f"http://127.0.0.1:{http}"
    with running([_built(), f"-config.file={config}"], folder, lambda: _is_ready(url)):
        yield Loki(url)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def is_built() -> bool:
    """Whether there is one to test against."""
    return _built().exists() or "SIDEKICK_TEST_LOKI" in os.environ


def _built() -> Path:
    return places.cache_dir() / f"loki-{VERSION.removeprefix('v')}" / "loki"


def build() -> None:
    """Build Loki into the cache of test servers. ``go install`` refuses a module that replaces
    others, so it is built from a module of our own that replaces the same ones."""
    go = shutil.which("go") or "/usr/local/go/bin/go"
    told = subprocess.run(
        [go, "mod", "download", "-json", f"{MODULE}@{VERSION}"], capture_output=True, check=True
    )
    theirs = json.loads(told.stdout)["GoMod"]
    parsed = subprocess.run([go, "mod", "edit", "-json", theirs], capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as work:
        Path(work, "go.mod").write_text(_go_mod(json.loads(parsed.stdout)))
        half = _built().with_suffix(".half")
        half.parent.mkdir(parents=True, exist_ok=True)
        flags = ["-mod=mod", "-trimpath", "-ldflags=-s -w"]
        subprocess.run(
            [go, "build", *flags, "-o", str(half), f"{MODULE}/cmd/loki"], cwd=work, check=True
        )
        half.rename(_built())


def _go_mod(theirs: Mapping[str, Any]) -> str:
    lines = ["module loki", f"go {theirs['Go']}", f"require {MODULE} {VERSION}"]
    for one in theirs["Replace"] or ():
        if one["New"].get("Version"):  # the others are folders inside the module itself
            new = f"{one['New']['Path']} {one['New']['Version']}"
            lines.append(f"replace {one['Old']['Path']} => {new}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    build()
    sys.exit(0)
