"""How soon an act is a line, what is lost under load, and what it holds when nothing happens."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.sensor.watched import Memory, Usage, watching

_ACT = Path("/etc/shadow")
_ACT_RULE = b'"Read sensitive file untrusted"'
_DROP_RULE = b"Falco internal: syscall event drop"
_SOURCE = Path(__file__).with_name("opens.c")
NO_DEDUP = "dedup: {enabled: false}\n"
EVERY_LINE = f"{NO_DEDUP}sensor: {{repeats: 0}}\n"


def _do_act() -> None:
    os.close(os.open(_ACT, os.O_RDONLY))


@dataclass(frozen=True, slots=True)
class Latency:
    """ms from an act to its line."""

    p50: float
    p99: float
    count: int


def latency(rules: Path, scratch: Path, count: int = 300) -> Latency:
    """Acts at random moments on a machine that does nothing else."""
    found = []
    with watching(rules, scratch, heard=True, settings=EVERY_LINE) as sidekick:
        time.sleep(1)
        for _ in range(count):
            time.sleep(random.uniform(0.03, 0.09))
            began = time.monotonic()
            _do_act()
            came = sidekick.line(_ACT_RULE, 5)
            assert came is not None, "an act gave no line"
            found.append(1000 * (came - began))
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    return Latency(cuts[49], cuts[98], count)


def first_alert(rules: Path, scratch: Path, times: int = 5) -> float:
    """Seconds from the start to the first line, with acts all the time; the median."""
    found = []
    for _ in range(times):
        began = time.monotonic()
        with watching(rules, scratch, heard=True, settings=EVERY_LINE, ready=False) as sidekick:
            came = None
            while came is None:
                _do_act()
                came = sidekick.line(_ACT_RULE, 0.02)
            found.append(came - began)
            sidekick.wait()
    return statistics.median(found)


def idle(rules: Path, scratch: Path, seconds: float = 40) -> tuple[float, float, Memory]:
    """Percent of a core by the sensor and by the hub, and memory, while nothing happens."""
    with watching(rules, scratch) as sidekick:
        time.sleep(5)
        before = sidekick.usage()
        time.sleep(seconds)
        after = sidekick.usage()
        memory = sidekick.memory()
    sensor = 100 * (after.sensor - before.sensor) / seconds
    return sensor, 100 * (after.hub - before.hub) / seconds, memory


@dataclass(frozen=True, slots=True)
class Flood:
    """What became of matching opens: how many were made, how many gave alerts, how many of those
    were only counted, how many were lost, and whether an alert said so."""

    opens: int
    seconds: float
    alerts: int
    repeats: int
    lost: int
    unsent: int
    """Of the lost, alerts that the sender had no room for."""
    told: bool
    sensor_share: float
    hub_share: float

    @property
    def rate(self) -> float:
        """Opens a second."""
        return self.opens / self.seconds

    @property
    def missing(self) -> int:
        """Opens that nothing accounts for; below zero: something else happened meanwhile."""
        return self.opens - self.alerts - (self.lost - self.unsent)


def flood(
    rules: Path, scratch: Path, *, names: int, rate: int, seconds: float, settings: str = NO_DEDUP
) -> Flood:
    """Opens of so many different files, so many a second (0: as many as can be)."""
    with (
        watching(rules, scratch, heard=not rate, settings=settings) as sidekick,
        _opener(scratch, names, rate, seconds) as opener,
    ):
        time.sleep(1)
        start, before = sidekick.settled(), sidekick.usage()
        opens, took = _opened(opener)
        after = sidekick.usage()
        end = sidekick.settled()
        told = not rate and sidekick.line(_DROP_RULE, 5) is not None
    return _flood(start, end, before, after, opens, took, told)


def _flood(
    start: dict[str, float],
    end: dict[str, float],
    before: Usage,
    after: Usage,
    opens: int,
    took: float,
    told: bool,
) -> Flood:
    def grown(name: str) -> int:
        return int(sum(v - start.get(k, 0) for k, v in end.items() if k.startswith(name)))

    return Flood(
        opens,
        took,
        grown("sidekick_sensor_alerts_total"),
        grown("sidekick_sensor_repeats_total"),
        grown("sidekick_sensor_drops_total"),
        grown('sidekick_sensor_drops_total{reason="sender"}'),
        told,
        100 * (after.sensor - before.sensor) / took,
        100 * (after.hub - before.hub) / took,
    )


@contextmanager
def _opener(
    scratch: Path, names: int, rate: int, seconds: float
) -> Iterator[subprocess.Popen[bytes]]:
    program = scratch / "opens"
    subprocess.run(["cc", "-O2", "-Wall", "-o", program, _SOURCE], check=True)
    with subprocess.Popen(
        [program, str(names), str(rate), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process


def _opened(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    opens, seconds = process.stdout.readline().split()
    return int(opens), float(seconds)
