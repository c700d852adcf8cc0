"""Memory and losses with a destination down for minutes, at a steady rate of alerts.

    python -m bench.soak [--rate 1000] [--down 600] [--harness DIR]

Five destinations work for a minute; then the webhook fails while alerts go on; then it works again
and is waited for. Everything is on ports of its own, so that it may run beside other work.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import harness
from tests.servers.process import free_ports

_FIRST = b'{"rule": "first", "priority": "Debug", "output": "-", "time": "2026-01-02T03:04:05Z"}'
_WARM_SECS = 60
_CALM_SECS = 30
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
_SINKS = ("webhook", "elasticsearch", "slack", "loki", "s3")
_AWS = {"AWS_ACCESS_KEY_ID": "stub", "AWS_SECRET_ACCESS_KEY": "stub", "AWS_REGION": "us-east-1"}
_CONFIG = """\
listen: {{address: 127.0.0.1, port: {port}}}
admin: {{enabled: false}}
dedup: {{enabled: false}}
log: {{max_size: 4GiB}}
sinks:
  webhook: {{type: webhook, url: "http://127.0.0.1:{webhook}/"}}
  elasticsearch: {{type: elasticsearch, urls: ["http://127.0.0.1:{elasticsearch}"]}}
  slack: {{type: slack, webhook_url: "http://127.0.0.1:{slack}/services/T0/B0/x", pace: 0}}
  loki: {{type: loki, url: "http://127.0.0.1:{loki}"}}
  s3: {{type: s3, bucket: falco, endpoint: "http://127.0.0.1:{s3}"}}
"""


class Stub:
    """The destinations' stand-ins."""

    def __init__(self, admin: int) -> None:
        self._admin = admin

    def ask(self, path: str, *, post: bool = False, **query: str) -> Any:
        """Its answer, from JSON where it is that."""
        url = f"http://127.0.0.1:{self._admin}/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, data=b"" if post else None, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else text

    def missing(self, accepted: int) -> dict[str, int]:
        """How many of so many different alerts are not there, by sink."""
        found = self.ask("count")
        return {sink: accepted - found[sink]["unique"] for sink in _SINKS}


class Memory:
    """Resident MiB of a process, sampled; ``peak`` may be set back."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.now = self.peak = 0.0
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        statm = Path(f"/proc/{self._process.pid}/statm")
        while self._process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                self.now = int(statm.read_text().split()[1]) * _PAGE_MIB
            self.peak = max(self.peak, self.now)
            time.sleep(0.2)


def main() -> int:
    """Run it and print the figures; 1 when an alert was lost or the harness is not there."""
    options = _options()
    if not harness.exists(options.harness):
        return 1
    with tempfile.TemporaryDirectory(prefix="sidekick-soak-", dir=options.scratch) as scratch:
        place = harness.build(options.harness, Path(scratch))
        port, admin, *ports = free_ports(2 + len(_SINKS))
        named = dict(zip(_SINKS, ports, strict=True))
        (Path(scratch) / "config.yaml").write_text(_CONFIG.format(port=port, **named))
        with _stub(place, admin, named) as stub, _hub(Path(scratch), port) as hub:
            return _run(place, port, stub, hub, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=int, default=1000, help="alerts a second")
    parser.add_argument("--down", type=int, default=600, help="seconds without the webhook")
    parser.add_argument("--scratch", type=Path, help="directory for state and logs")
    harness.add_option(parser)
    return parser.parse_args()


@contextlib.contextmanager
def _stub(place: Path, admin: int, ports: dict[str, int]) -> Iterator[Stub]:
    sinks = ",".join(f"{name}={port}" for name, port in ports.items())
    command = [str(place / "bin" / "stub"), f"-admin=127.0.0.1:{admin}", f"-sinks={sinks}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield Stub(admin)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _hub(scratch: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        str(Path(sys.executable).with_name("sidekick")),
        "hub",
        "-c",
        str(scratch / "config.yaml"),
    ]
    began = time.monotonic()
    with open(scratch / "log", "wb") as log:
        process = subprocess.Popen(
            [*command, "--state", str(scratch / "state")],
            env=os.environ | _AWS,
            stdout=log,
            stderr=log,
        )
    try:
        while not _takes_an_alert(port):
            if process.poll() is not None or time.monotonic() > began + 30:
                raise SystemExit((scratch / "log").read_text())
            time.sleep(0.005)
        print(f"start to first 200: {time.monotonic() - began:.2f} s")
        yield process
    finally:
        process.kill()
        process.wait()


def _takes_an_alert(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("POST", "/", _FIRST)
        return connection.getresponse().status == 200
    except OSError:
        return False


def _run(
    place: Path, port: int, stub: Stub, hub: subprocess.Popen[bytes], options: argparse.Namespace
) -> int:
    seconds = _WARM_SECS + options.down + _CALM_SECS
    command = [
        str(place / "bin" / "load"),
        f"-addr=127.0.0.1:{port}",
        "-c=16",
        f"-rate={options.rate}",
    ]
    command += [f"-n={options.rate * (seconds + 5)}", f"-dur={seconds}s"]
    memory, load = Memory(hub), subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        time.sleep(_WARM_SECS)
        print(f"all work, {options.rate} alerts/s: peak {memory.peak:.0f} MiB", flush=True)
        stub.ask(
            "mode", post=True, sink="webhook", mode="status:500", **{"for": f"{options.down}s"}
        )
        memory.peak = 0.0
        time.sleep(options.down)
        print(f"webhook down for {options.down} s: peak {memory.peak:.0f} MiB", flush=True)
        memory.peak, back = 0.0, time.monotonic()
        sent = json.loads(load.communicate()[0])
        left = _wait(stub, sent["accepted"])
        print(
            f"webhook back: all delivered after {time.monotonic() - back:.0f} s, "
            f"peak {memory.peak:.0f} MiB; then {memory.now:.0f} MiB"
        )
        print(
            f"{sent['accepted']} of {sent['sent']} answered 200, p50 {sent['p50_ms']:.2f} ms, "
            f"p99 {sent['p99_ms']:.1f} ms; lost: {left}"
        )
        return int(any(left.values()))
    finally:
        load.kill()
        load.wait()


def _wait(stub: Stub, accepted: int) -> dict[str, int]:
    """Wait until all are there or none came for a minute; gives what is missing."""
    left, since = stub.missing(accepted), time.monotonic()
    while any(left.values()) and time.monotonic() < since + 60:
        time.sleep(1)
        now = stub.missing(accepted)
        if now != left:
            left, since = now, time.monotonic()
    return left


if __name__ == "__main__":
    sys.exit(main())
