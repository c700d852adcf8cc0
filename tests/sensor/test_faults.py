"""What happens to a sensor and its hub when something fails, on this machine's kernel."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sidekick.ebpf.libbpf import library
from tests.ebpf.kernel import need_kernel
from tests.faults.system import free_port
from tests.sensor.kernel import SECS, Running, act, rule, running
from tests.servers.unavailable import unavailable

WATCHES = "the sensor watches"
LOST = "Falco internal: syscall event drop"
OPENS = """
import os, sys, time
folder, count, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
for number in range(count):
    os.close(os.open(f"{folder}/{number:06}", os.O_CREAT | os.O_WRONLY))
    time.sleep(pause)
"""
HUB = """\
listen: {{address: 127.0.0.1, port: {port}}}
admin: {{enabled: false}}
dedup: {{enabled: false}}
sensor: {{enabled: false}}
"""


@pytest.fixture(autouse=True)
def _kernel() -> None:
    need_kernel()


class Node:
    """A sensor and the hub that it sends to, each with a state directory of its own."""

    def __init__(self, folder: Path, **sensor: Any) -> None:
        self.opened = folder / "opened"
        self.hub_state, self.sensor_state = folder / "hub", folder / "sensor"
        for made in (self.opened, self.hub_state, self.sensor_state):
            made.mkdir()
        self.port = free_port()
        (self.hub_state / "sidekick.yaml").write_text(HUB.format(port=self.port))
        settings = ", ".join(f"{name}: {value}" for name, value in sensor.items())
        (self.sensor_state / "sidekick.yaml").write_text(f"sensor: {{{settings}}}\n")
        self.rules = folder / "rules.yaml"
        marked = f"evt.type in (open, openat) and fd.name startswith {self.opened}/"
        self.rules.write_text(rule("opened", marked, f"%fd.name {'.' * 3000}"))

    @contextmanager
    def hub(self) -> Iterator[Running]:
        config = str(self.hub_state / "sidekick.yaml")
        with running("run", "--json", "-c", config, state=self.hub_state) as hub:
            yield hub

    @contextmanager
    def sensor(self) -> Iterator[Running]:
        config = str(self.sensor_state / "sidekick.yaml")
        to = ("--to", f"http://127.0.0.1:{self.port}", "--metrics", "0", "-c", config)
        with running("sensor", *to, "--rules", str(self.rules), state=self.sensor_state) as sensor:
            (self.pages,) = map(int, re.findall(r"port=(\d+)", sensor.hears("metrics and probes")))
            sensor.hears(WATCHES)
            yield sensor

    def opens(self, count: int, pause: float) -> subprocess.Popen[bytes]:
        """A process that opens so many files, one after the other."""
        command = [sys.executable, "-c", OPENS, str(self.opened), str(count), str(pause)]
        return subprocess.Popen(command)

    def metric(self, name: str) -> float:
        """A value of the sensor's metrics, 0 without one."""
        url = f"http://127.0.0.1:{self.pages}/metrics"
        with urllib.request.urlopen(url, timeout=SECS) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.rpartition(" ")[2])
        return 0.0

    def dropped(self, alerts: int) -> int:
        """Alerts that neither hub nor disk took, once so many were made and all have a place."""
        _until(lambda: self.metric("sidekick_sensor_alerts_total") >= alerts)
        before: list[float] = []
        names = ("sidekick_sensor_outbox_bytes", 'sidekick_sensor_drops_total{reason="sender"}')
        while before != (before := [self.metric(name) for name in names]) or not before[1]:
            time.sleep(1.5)  # a status comes once a second
        return int(before[1])


class Told:
    """The files that a hub was told of, and the losses."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.lost: dict[str, int] = {}

    def take(self, hub: Running, count: int) -> None:
        """Until so many files are known; fails if they do not come."""
        until = time.monotonic() + SECS
        while len(self.files) < count:
            assert time.monotonic() < until, f"{len(self.files)} of {count}"
            self.drain(hub)
            time.sleep(0.02)

    def hear_of(self, hub: Running, lost: int) -> None:
        """Until losses of so many alerts are told."""
        until = time.monotonic() + SECS
        while self.lost.get("n_drops_sender") != lost:
            assert time.monotonic() < until, f"{self.lost}, not {lost}"
            self.drain(hub)
            time.sleep(0.02)

    def drain(self, hub: Running) -> None:
        """What has come so far."""
        for alert in hub.alerts():
            fields = alert["output_fields"]
            if alert["rule"] == "opened":
                self.files.add(fields["fd.name"])
            elif alert["rule"] == LOST:
                for name, value in fields.items():
                    if name.startswith("n_drops_"):
                        self.lost[name] = self.lost.get(name, 0) + int(value)


def test_a_hub_that_is_killed_under_load_costs_no_alert(tmp_path: Path) -> None:
    node, told = Node(tmp_path), Told()
    with node.sensor() as sensor:
        with node.hub() as hub:
            opening = node.opens(2000, 0.001)
            told.take(hub, 300)
            hub.stop(signal.SIGKILL)
            told.drain(hub)
        sensor.hears("the hub is away")
        with node.hub() as hub:
            sensor.hears("the hub is back")
            assert opening.wait(SECS) == 0
            told.take(hub, 2000)
        assert node.metric('sidekick_sensor_drops_total{reason="sender"}') == 0
    assert len(told.files) == 2000


def test_beyond_the_bound_of_the_disk_the_oldest_go_counted_and_told(tmp_path: Path) -> None:
    node, told = Node(tmp_path, outbox="1MiB", drops="{rate: 100}"), Told()
    with node.sensor():
        assert node.opens(800, 0.001).wait(SECS) == 0
        dropped = node.dropped(alerts=800)
        with node.hub() as hub:
            told.take(hub, 800 - dropped)
            told.hear_of(hub, dropped)
    assert len(told.files) == 800 - dropped
    assert f"{node.opened}/000799" in told.files


def test_a_full_disk_costs_what_memory_cannot_hold_and_is_told(tmp_path: Path) -> None:
    node, told = Node(tmp_path, queue=100, drops="{rate: 100}"), Told()
    box = node.sensor_state / "outbox"
    box.mkdir()
    with _small_disk(box), node.sensor() as sensor:
        assert node.opens(600, 0.001).wait(SECS) == 0
        sensor.hears("the disk takes no alerts")
        dropped = node.dropped(alerts=600)
        with node.hub() as hub:
            sensor.hears("the hub is back")
            told.take(hub, 600 - dropped)
            told.hear_of(hub, dropped)
            act("touch", f"{node.opened}/after")
            told.take(hub, 601 - dropped)
        sensor.stop()
    assert 0 < dropped < 500
    assert f"{node.opened}/after" in told.files


def test_a_killed_sensor_leaves_nothing_in_the_kernel(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with node.sensor() as sensor:
        held = _held(sensor.process.pid)
        assert {kind for kind, _ in held} == {"prog", "map", "link"}
        assert all(_is_there(kind, number) for kind, number in held)
        sensor.stop(signal.SIGKILL)
        # Programs and maps go when the kernel has let the last call out of them.
        _until(lambda: not any(_is_there(kind, number) for kind, number in held))
    with node.hub() as hub, node.sensor():
        act("touch", f"{node.opened}/after")
        found = hub.alert("opened")
    assert found["output_fields"]["fd.name"] == f"{node.opened}/after"


@pytest.mark.parametrize(
    ("hiding", "told"),
    [
        ("mount -t tmpfs none /sys/kernel/btf", "a kernel with type information"),
        ("mount --bind /dev/null {libbpf}", "the sensor needs libbpf.so.1"),
    ],
    ids=["no BTF", "no libbpf"],
)
def test_what_a_machine_lacks_is_one_sentence_and_the_hub_runs_alone(
    tmp_path: Path, hiding: str, told: str
) -> None:
    config = tmp_path / "sidekick.yaml"
    config.write_text("listen: {address: 127.0.0.1, port: 0}\nadmin: {enabled: false}\n")
    hide = hiding.format(libbpf=_path_of_libbpf())
    command = f"{hide} && exec {sys.executable} -m sidekick"
    alone = ["unshare", "--mount", "sh", "-c", f"{command} sensor --state {tmp_path}"]
    ended = subprocess.run(alone, capture_output=True, text=True, timeout=SECS, check=False)
    assert ended.returncode == 3
    assert ended.stderr.startswith("Error: ")
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1

    both = ["unshare", "--mount", "sh", "-c", f"{command} run -c {config} --state {tmp_path}"]
    with subprocess.Popen(both, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert any("the hub runs without it" in line for line in run.stderr)
        assert run.poll() is None
        run.terminate()
        assert run.wait(SECS) == 0


def _until(holds: Callable[[], object]) -> None:
    until = time.monotonic() + SECS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A file system of 256 KiB there."""
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        reason = f"needs to mount a tmpfs: {mounted.stderr.decode().strip()}"
        unavailable(reason)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _held(pid: int) -> set[tuple[str, int]]:
    """The programs, maps and links of a process by their numbers, as its descriptors tell."""
    found: set[tuple[str, int]] = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(OSError):
            objects = re.findall(r"^(prog|map|link)_id:\s*(\d+)$", info.read_text(), re.M)
            found |= {(kind, int(number)) for kind, number in objects}
    return found


def _is_there(kind: str, number: int) -> bool:
    """Whether the kernel knows such an object."""
    fd = getattr(library(), f"bpf_{kind}_get_fd_by_id")(ctypes.c_uint32(number))
    if fd < 0:
        return False
    os.close(fd)
    return True


def _path_of_libbpf() -> str:
    library()
    path: str
    (path,) = set(re.findall(r"(/\S*libbpf\S*)$", Path("/proc/self/maps").read_text(), re.M))
    return path
