"""What a system call costs more while the sensor watches: pairs of rounds, with and without."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.sensor.watched import watching

_MEDIAN = re.compile(r"median +([0-9.]+)")
_OPERATIONS = re.compile(r"x (\d+)\)")
_WARM_UP = 0.05
"""Of the operations, before those that the workload times itself."""
_SETTLE_SECS = 0.5


@dataclass(slots=True)
class Work:
    """The rounds of one workload: ns an operation, and percent of a core in user space."""

    bare: list[float] = field(default_factory=list)
    watched: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    @property
    def more(self) -> float:
        """ns an operation: the median of what a round costs more than its pair."""
        pairs = zip(self.watched, self.bare, strict=True)
        return statistics.median(watched - bare for watched, bare in pairs)

    @property
    def ratio(self) -> float:
        """The median of the pairs' quotients."""
        pairs = zip(self.watched, self.bare, strict=True)
        return statistics.median(watched / bare for watched, bare in pairs)


@dataclass(frozen=True, slots=True)
class Program:
    """The compiled workloads. ``cpu_time``: what they use counts, not the time that passes."""

    path: Path
    cpu_time: bool

    def once(self, name: str) -> float:
        """ns an operation, one round on one CPU."""
        environment = {**os.environ, "BENCH_CPU": os.environ.get("BENCH_CPU", "0")}
        process = subprocess.Popen(
            [self.path, name, "1"], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        median, operations = _MEDIAN.search(text), _OPERATIONS.search(text)
        assert not status, text
        assert median, text
        assert operations, text
        if not self.cpu_time:
            return float(median[1])
        used = usage.ru_utime + usage.ru_stime
        return 1e9 * used / (int(operations[1]) * (1 + _WARM_UP))


def build(harness: Path, scratch: Path, *, cpu_time: bool) -> Program:
    """Copy the workloads' source into the scratch directory and compile it there."""
    source, program = scratch / "sysbench.c", scratch / "sysbench"
    shutil.copy(harness / "sysbench.c", source)
    subprocess.run(["cc", "-O2", "-Wall", "-o", program, source], check=True)
    return Program(program, cpu_time)


def measure(
    program: Program, rules: Path, scratch: Path, names: Sequence[str], rounds: int
) -> dict[str, Work]:
    """Every workload in each round once with the sensor and once without, in turns first."""
    found: dict[str, Work] = defaultdict(Work)
    for number in range(rounds):
        for watched in (False, True) if number % 2 else (True, False):
            if watched:
                _with_sensor(program, rules, scratch, names, found)
            else:
                for name in names:
                    found[name].bare.append(program.once(name))
    return found


def _with_sensor(
    program: Program, rules: Path, scratch: Path, names: Sequence[str], found: dict[str, Work]
) -> None:
    with watching(rules, scratch) as sidekick:
        time.sleep(_SETTLE_SECS)
        for name in names:
            before, began = sidekick.usage(), time.monotonic()
            found[name].watched.append(program.once(name))
            seconds = time.monotonic() - began
            found[name].shares.append(sidekick.usage().share(before, seconds))
