"""A ``sidekick run`` that watches this machine, and what its processes use."""

from __future__ import annotations

import os
import queue
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_SECS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_RINGS = re.compile(r"anon_inode:bpf-map\n(?:.*\n)*?Rss: +(\d+) kB")


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of CPU since their start, of the hub and of the sensor."""

    hub: float
    sensor: float

    def share(self, before: Usage, seconds: float) -> float:
        """Of a core, by both together, in percent."""
        used = self.hub + self.sensor - before.hub - before.sensor
        return 100 * used / seconds


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB: of the hub, of the sensor without the rings, of the rings."""

    hub: float
    sensor: float
    rings: float


class Watched:
    """The running pair of hub and sensor."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._port = port
        self._lines: queue.Queue[tuple[float, bytes]] = queue.Queue()
        self._sensor = 0
        self._threads = [threading.Thread(target=self._until_it_watches, daemon=True)]
        if process.stdout is not None:
            self._threads.append(threading.Thread(target=self._read, daemon=True))
        self._watches = threading.Event()
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Until it watches."""
        if not self._watches.wait(_START_SECS):
            raise TimeoutError("the sensor did not start; is this root?")
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._sensor = int(children[0])

    def line(self, part: bytes, seconds: float) -> float | None:
        """When (monotonic) the next line on standard output came that has this in it."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                at, line = self._lines.get(timeout=left)
            except queue.Empty:
                return None
            if part in line:
                return at
        return None

    def usage(self) -> Usage:
        """What both used so far."""
        return Usage(_cpu_secs(self.process.pid), _cpu_secs(self._sensor))

    def memory(self) -> Memory:
        """What both hold."""
        rings = sum(map(int, _RINGS.findall(Path(f"/proc/{self._sensor}/smaps").read_text())))
        sensor = _rss_kib(self._sensor) - rings
        return Memory(_rss_kib(self.process.pid) / 1024, sensor / 1024, rings / 1024)

    def totals(self) -> dict[str, float]:
        """The sensor's metrics, by name with labels."""
        url = f"http://127.0.0.1:{self._port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode()
        rows = (row.rpartition(" ") for row in text.splitlines() if row.startswith("sidekick_"))
        return {name: float(value) for name, _, value in rows}

    def settled(self, seconds: float = 60.0) -> dict[str, float]:
        """The same, when the sensor's have not changed for two statuses."""
        until, before = time.monotonic() + seconds, {}
        while (now := self._counted()) != before and time.monotonic() < until:
            before = now
            time.sleep(5)  # a starved sensor is silent while it takes a full ring
        return self.totals()

    def _counted(self) -> dict[str, float]:
        names = ("sidekick_sensor_alerts", "sidekick_sensor_drops", "sidekick_sensor_repeats")
        return {k: v for k, v in self.totals().items() if k.startswith(names)}

    def stop(self) -> None:
        """End both."""
        self.process.terminate()
        self.process.wait(30)
        for thread in self._threads:
            thread.join()

    def _until_it_watches(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                if b"the sensor watches" in line:
                    self._watches.set()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._lines.put((time.monotonic(), line))


def _cpu_secs(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def watching(
    rules: Path, scratch: Path, *, heard: bool = False, settings: str = "", ready: bool = True
) -> Iterator[Watched]:
    """A sidekick with these rules that prints each alert.

    ``heard``: what it prints is read, else it goes to /dev/null. ``ready``: it watches already.
    """
    port = _free_port()
    config = scratch / "sidekick.yaml"
    config.write_text(
        f"listen: {{address: 127.0.0.1, port: {port}}}\nadmin: {{enabled: false}}\n{settings}"
    )
    command = [sys.executable, "-m", "sidekick", "run", "--json", "--rules", str(rules)]
    command += ["-c", str(config), "--state", str(scratch / f"state-{port}")]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if heard else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    found = Watched(process, port)
    try:
        if ready:
            found.wait()
        yield found
    finally:
        found.stop()
