"""Storms: memory stays bounded, what is lost is counted, and afterwards all is as before."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sidekick.sensor import procfs
from tests.ebpf.kernel import need_kernel
from tests.sensor.kernel import Running, act, rule, running
from tests.servers.process import free_ports

LOST = "Falco internal: syscall event drop"
LINGERING = 512
"""Processes that are remembered after their end."""
PATIENCE_SECS = 60.0
CONTAINERS = 100
MIB = 1 << 20
CONFIG = """
listen: {{address: 127.0.0.1, port: {port}}}
admin: {{enabled: false}}
dedup: {{enabled: false}}
sensor: {{buffer: {buffer}, process_buffer: {process_buffer}, drops: {{rate: 10}}}}
"""
OPENS = """
import os, sys
path, count = sys.argv[1], int(sys.argv[2])
for _ in range(count):
    os.close(os.open(path, os.O_RDONLY))
"""
# Waves of processes that are all there at once, then all end.
FORKS = """
import os, sys
waves, count = map(int, sys.argv[1:])
for _ in range(waves):
    waiting, end = os.pipe()
    for _ in range(count):
        if os.fork() == 0:
            os.close(end)
            os.read(waiting, 1)
            os._exit(0)
    os.close(end)
    os.close(waiting)
    for _ in range(count):
        os.wait()
"""
# Becomes another program when it is told to, and reads a file when it is told to.
CHANGES = """
import os, sys
sys.stdin.buffer.raw.readline()
os.execv("/bin/sh", ["sh", "-c", "read x; exec 3<" + sys.argv[1] + "; read x"])
"""
# Processes in control groups and namespaces of their own; all begin at once.
STARTS = """
import ctypes, os, subprocess, sys
from pathlib import Path
from sidekick.acts.act import Act
from sidekick.acts.perform import perform
path, count = sys.argv[1], int(sys.argv[2])
waiting, end = os.pipe()

def start(scene):
    assert ctypes.CDLL(None).unshare(0x20020000) == 0  # CLONE_NEWPID | CLONE_NEWNS
    os.read(waiting, 1)
    subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)

for _ in range(count):
    if os.fork() == 0:
        os.close(end)
        perform(Act("start", start), container=True)
        os._exit(0)
os.close(end)
assert all(os.wait()[1] == 0 for _ in range(count))
"""


@dataclass
class Watched:
    """The sensor with a rule for one file."""

    sidekick: Running
    port: int
    file: Path
    heard: Counter[str] = field(default_factory=Counter)
    """Alerts by rule, and those of the acts of ``fires``."""
    acted: dict[str, Any] = field(default_factory=dict)
    """What was told of the last of them."""

    @property
    def pid(self) -> int:
        """The sensor's process; its parent is the hub."""
        hub = self.sidekick.process.pid
        (child,) = Path(f"/proc/{hub}/task/{hub}/children").read_text().split()
        return int(child)

    def resident(self) -> int:
        """Bytes of memory that the sensor's process has."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) * 1024

    def metric(self, name: str) -> dict[str, int]:
        """By labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{name}(?:{{(.*?)}})? (\S+)$", text, re.MULTILINE)
        return {labels: int(float(value)) for labels, value in found}

    def total(self, name: str) -> int:
        return sum(self.metric(name).values())

    def lost(self) -> int:
        return self.total("sidekick_sensor_drops_total")

    def fires(self) -> None:
        """An act is told, with who did it; the sensor has said what it made and what it lost."""
        wait_until(self._act_is_told)
        wait_until(self._all_are_heard)
        assert self.acted["proc.cmdline"] == f"cat {self.file}"
        assert self.acted["proc.exepath"] == os.path.realpath("/bin/cat")
        assert self.acted["proc.aname[2]"] == Path("/proc/self/comm").read_text().strip()

    def _act_is_told(self) -> bool:
        act("sh", "-c", f"cat {self.file}; :")
        self._hear()
        return bool(self.acted)

    def _all_are_heard(self) -> bool:
        self._hear()
        drops = self.metric("sidekick_sensor_drops_total")
        made = self.total("sidekick_sensor_alerts_total") - drops.get('reason="sender"', 0)
        told = self.heard[LOST] > 0 or not sum(drops.values())  # a moment after the metrics
        return told and made == self.heard["marked"] + self.heard["act"]

    def _hear(self) -> None:
        for alert in self.sidekick.alerts():
            if alert["output_fields"].get("proc.pname") == "sh":
                self.acted = alert["output_fields"]
                self.heard["act"] += 1
            else:
                self.heard[alert["rule"]] += alert["output_fields"].get("evt.count", 1)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The sensor takes nothing from the kernel in this block."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@pytest.fixture
def watched(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    need_kernel()
    file = tmp_path / "marked"
    file.write_text("x")
    with watching(tmp_path, file, **getattr(request, "param", {})) as found:
        yield found


@contextmanager
def watching(
    state: Path, file: Path, buffer: str = "8MiB", process_buffer: str = "4MiB"
) -> Iterator[Watched]:
    (port,) = free_ports(1)
    config = state / "sidekick.yaml"
    config.write_text(CONFIG.format(port=port, buffer=buffer, process_buffer=process_buffer))
    rules = state / "rules.yaml"
    condition = f"evt.type in (open, openat) and fd.name = {file}"
    output = "%proc.cmdline %proc.pname %proc.aname[2] %proc.exepath %container.id"
    rules.write_text(rule("marked", condition, output))
    arguments = ["run", "--json", "--rules", str(rules), "-c", str(config)]
    with running(*arguments, state=state) as sidekick:
        sidekick.hears("the sensor watches")
        yield Watched(sidekick, port, file)


small_rings = pytest.mark.parametrize(
    "watched", [{"buffer": "64KiB", "process_buffer": "64KiB"}], indirect=True
)


def storm(script: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True)


def wait_until(holds: Callable[[], bool], pause: float = 0.2) -> None:
    end = time.monotonic() + PATIENCE_SECS
    while not holds():
        assert time.monotonic() < end, "it did not come to be in time"
        time.sleep(pause)


# Processes that were there before; the last one of them reads a file when it is told to.
CROWD = """
import os, sys
path, count = sys.argv[1], int(sys.argv[2])
waiting, end = os.pipe()
for number in range(count):
    if os.fork() == 0:
        os.close(end)
        os.read(waiting, 1)
        os._exit(0)
if os.fork() == 0:
    os.close(end)
    print(os.getpid(), flush=True)
    sys.stdin.buffer.raw.readline()
    os.open(path, os.O_RDONLY)
    os._exit(0)
os.wait()
"""


@pytest.mark.slow
def test_processes_that_were_there_before_are_known(tmp_path: Path) -> None:
    need_kernel()
    file = tmp_path / "marked"
    file.touch()
    command = [sys.executable, "-c", CROWD, str(file), "5000"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0) as crowd:
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        crowd.stdout.readline()
        with watching(tmp_path, file) as watched:
            wait_until(lambda: watched.total("sidekick_sensor_processes") > 5000)
            crowd.stdin.write(b"\n")
            found = watched.sidekick.alert("marked")["output_fields"]
    assert found["proc.cmdline"].endswith(f" {file} 5000")
    assert found["proc.pname"] == found["proc.cmdline"].partition(" ")[0]
    assert found["proc.aname[2]"] == Path("/proc/self/comm").read_text().strip()
    assert found["proc.exepath"] == os.path.realpath(sys.executable)


def test_a_million_opens_that_no_rule_asks_for_are_not_noticed(watched: Watched) -> None:
    before = watched.resident()
    storm(OPENS, "/etc/hostname", 1_000_000)
    watched.fires()
    assert watched.lost() == 0
    assert watched.total("sidekick_sensor_events_total") < 100_000  # those of others
    assert watched.resident() - before < 8 * MIB


@pytest.mark.slow
def test_of_a_flood_of_opens_each_is_an_alert_or_counted_as_lost(watched: Watched) -> None:
    before = watched.resident()
    storm(OPENS, watched.file, 300_000)
    watched.fires()
    drops = watched.metric("sidekick_sensor_drops_total")
    accounted = watched.heard["marked"] + sum(drops.values())
    # What others did meanwhile may be lost too.
    assert 300_000 <= accounted < 350_000
    assert (watched.heard[LOST] > 0) == (sum(drops.values()) > 0)
    assert watched.resident() - before < 160 * MIB


@pytest.mark.slow
def test_of_twenty_thousand_processes_none_is_left(watched: Watched) -> None:
    before = watched.resident()
    storm(FORKS, 10, 2000)
    watched.fires()
    there = len(procfs.process_ids())
    wait_until(lambda: watched.total("sidekick_sensor_processes") < there + LINGERING + 50)
    assert watched.lost() == 0
    assert watched.resident() - before < 32 * MIB


@small_rings
def test_when_a_ring_is_full_what_is_lost_is_counted_and_told(watched: Watched) -> None:
    with watched.stopped():
        storm(OPENS, watched.file, 10_000)
    watched.fires()
    drops = watched.metric("sidekick_sensor_drops_total")
    assert drops['reason="calls_full"'] > 9_000
    assert 10_000 <= watched.heard["marked"] + sum(drops.values()) < 20_000
    assert watched.heard[LOST] > 0


@small_rings
def test_a_process_that_became_another_program_unseen_is_told_as_what_it_is(
    watched: Watched,
) -> None:
    command = [sys.executable, "-c", CHANGES, str(watched.file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        wait_until(lambda: procfs.link(Path(f"/proc/{process.pid}/fd/0")) is not None)
        with watched.stopped():
            storm(FORKS, 1, 1000)
            process.stdin.write(b"\n")
            wait_until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sh\n")
        watched.sidekick.alert(LOST)
        process.stdin.write(b"\n")
        found = watched.sidekick.alert("marked")["output_fields"]
    assert watched.metric("sidekick_sensor_drops_total")['reason="processes_full"'] > 0
    assert found["proc.cmdline"] == f"sh -c read x; exec 3<{watched.file}; read x"
    assert found["proc.exepath"] == os.path.realpath("/bin/sh")
    there = len(procfs.process_ids())
    wait_until(lambda: watched.total("sidekick_sensor_processes") < there + LINGERING + 50)


def test_a_hundred_containers_that_start_at_once_are_each_known(watched: Watched) -> None:
    before = watched.resident()
    storm(STARTS, watched.file, CONTAINERS)
    found = [watched.sidekick.alert("marked")["output_fields"] for _ in range(CONTAINERS)]
    assert {alert["proc.cmdline"] for alert in found} == {f"cat {watched.file}"}
    containers = {alert["container.id"] for alert in found}
    assert len(containers - {"host"}) == CONTAINERS
    assert watched.lost() == 0
    assert watched.resident() - before < 16 * MIB
