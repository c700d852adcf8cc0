"""What the sensor costs, with Falco's official stable rules, beside Falco's figures.

    python -m bench.sensor [--only openclose,latency] [--rounds 15] [--seconds 60] [--cpu-time]

Needs root, a C compiler, and the shared harness and rule files beside this checkout. Each workload
runs in turns with and without the sensor, on one CPU; a figure is the median of the pairs. Falco's
were measured the same way: 0.44, modern eBPF, Linux 6.18, 2 cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.sensor import loads, work

_SHARED = Path(__file__).resolve().parents[3] / "shared"
_OPS = ("getppid", "openclose", "openfail", "forkexec", "connectudp")
_NAMES = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``met`` is None where nothing was wanted."""

    work: str
    bare: str
    ours: str
    falco: str
    wanted: str
    met: bool | None


def main() -> int:
    """Measure and print; 1 when it cannot, or when a figure is not met."""
    options = _options()
    rules = options.rules
    missing = [str(p) for p in (options.harness / "sysbench.c", rules) if not p.exists()]
    if os.geteuid() or missing:
        print("; ".join(missing) + " is not here" if missing else "the sensor needs root")
        return 1
    chosen = [name for name in (*_OPS, *_LOADS) if _is_chosen(name, options.only)]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, ", end="")
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    print(_line(Row("work", "bare", "with ours", "Falco", "wanted", None)), " met?")
    all_met = True
    with tempfile.TemporaryDirectory(prefix="sidekick-bench-", dir=options.scratch) as scratch:
        for row in _rows(chosen, options, Path(scratch)):
            print(_line(row), flush=True)
            all_met &= row.met is not False
    return 0 if all_met else 1


def _options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="parts by prefix, comma separated")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count the CPU time of the workloads, not the time that passes: on a busy machine",
    )
    parser.add_argument("--seconds", type=float, default=60, help="of each load at a pace")
    parser.add_argument("--scratch", type=Path, help="directory for state")
    parser.add_argument("--harness", type=Path, default=_SHARED / "sensor-bench")
    parser.add_argument("--rules", type=Path, default=_SHARED / "falco-rules" / "falco_rules.yaml")
    return parser.parse_args()


def _is_chosen(name: str, only: str) -> bool:
    return not only or any(name.startswith(part) for part in only.split(","))


def _line(row: Row) -> str:
    met = {None: "", True: "yes", False: "NO"}[row.met]
    return (
        f"{row.work:30} {row.bare:>10} {row.ours:>42}   {row.falco:34} {row.wanted:32} {met}"
    ).rstrip()


def _rows(chosen: list[str], options: Any, scratch: Path) -> Iterator[Row]:
    ops = [name for name in _OPS if name in chosen]
    if ops:
        program = work.build(options.harness, scratch, cpu_time=options.cpu_time)
        found = work.measure(program, options.rules, scratch, ops, options.rounds)
        for name in ops:
            yield _op_row(name, found[name])
    for name, load in _LOADS.items():
        if name in chosen:
            yield load(options, scratch)


_FALCO = {
    "getppid": ("+148 ns (getpid)", "<= +100 ns"),
    "openclose": ("+1867 ns, x1.66, 72 %", "<= +700 ns, <= 5 %"),
    "openfail": ("-", "-"),
    "forkexec": ("x1.14", "<= x1.08"),
    "connectudp": ("x1.22, 31 %", "<= x1.12, <= 8 %"),
}


def _op_row(name: str, found: work.Work) -> Row:
    share = sorted(found.shares)[len(found.shares) // 2]
    met = {
        "getppid": found.more <= 100,
        "openclose": found.more <= 700 and share <= 5,
        "forkexec": found.ratio <= 1.08,
        "connectudp": found.ratio <= 1.12 and share <= 8,
    }
    bare = sorted(found.bare)[len(found.bare) // 2]
    ours = f"{found.more:+.0f} ns, x{found.ratio:.3f}, {share:.1f} % of a core"
    return Row(name, f"{bare:.0f} ns", ours, *_FALCO[name], met.get(name))


def _latency(options: Any, scratch: Path) -> Row:
    found = loads.latency(options.rules, scratch)
    return Row(
        "latency: act to line",
        "",
        f"p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms of {found.count}",
        "p50 16.6 ms, p99 32 ms",
        "p50 <= 8 ms, p99 <= 20 ms",
        found.p50 <= 8 and found.p99 <= 20,
    )


def _start(options: Any, scratch: Path) -> Row:
    found = loads.first_alert(options.rules, scratch)
    return Row("start to first alert", "", f"{found:.2f} s", "2.3 s", "<= 2 s", found <= 2)


def _idle(options: Any, scratch: Path) -> Row:
    sensor, hub, memory = loads.idle(options.rules, scratch)
    ours = f"{sensor:.2f} %, {memory.sensor:.0f} MiB (+ rings {memory.rings:.0f})"
    met = sensor <= 0.5 and memory.sensor <= 80
    name = f"idle (hub {hub:.2f} %, {memory.hub:.0f} MiB)"
    return Row(name, "", ours, "0.2-0.4 %, 54 MiB", "<= 0.5 %, <= 80 MiB", met)


def _distinct(options: Any, scratch: Path) -> Row:
    found = loads.flood(options.rules, scratch, names=_NAMES, rate=12_000, seconds=options.seconds)
    return _flood_row("distinct, paced", found, "12,000/s, a full core", "12,000/s, none lost")


def _repeats(options: Any, scratch: Path) -> Row:
    found = loads.flood(options.rules, scratch, names=1, rate=40_000, seconds=options.seconds)
    return _flood_row("repeats, paced", found, "at most 15,500/s", "40,000/s, none lost")


def _unpaced(options: Any, scratch: Path) -> Row:
    found = loads.flood(options.rules, scratch, names=_NAMES, rate=0, seconds=10)
    row = _flood_row("unpaced", found, "70-74 % unseen, a log line", "drops counted, an alert")
    met = found.missing <= 0 and (found.told or not found.lost)
    return Row(row.work, row.bare, row.ours, row.falco, row.wanted, met)


def _flood_row(name: str, found: loads.Flood, falco: str, wanted: str) -> Row:
    ours = f"{found.alerts:,} ({found.repeats:,} counted), {found.lost:,} lost"
    if found.missing > 0:
        ours += f", {found.missing:,} MISSING"
    ours += f"; {found.sensor_share:.0f} + {found.hub_share:.0f} %"
    return Row(
        name, f"{found.rate:,.0f}/s", ours, falco, wanted, not found.lost and found.missing <= 0
    )


_LOADS: dict[str, Callable[[Any, Path], Row]] = {
    "latency": _latency,
    "start": _start,
    "idle": _idle,
    "distinct": _distinct,
    "repeats": _repeats,
    "unpaced": _unpaced,
}


if __name__ == "__main__":
    sys.exit(main())
