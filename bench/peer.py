"""Run the shared peer harness against sidekick and print ours beside falcosidekick's.

    python -m bench.peer [--only S1,S5a] [--repeat 3] [--out FILE] [--harness DIR]
    python -m bench.peer --summary FILE...

The harness is copied into a scratch directory and built there (needs Go). Figures of throughput
are read as shares of S0, the harness' own ceiling with as many connections in the same run, since
machines differ; falcosidekick's come from the recorded runs beside the harness. Where the
destination's own delay sets the limit, no machine is faster than the requests in flight allow:
that limit is printed beside the rates. ``--summary FILE...`` prints the medians of earlier runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import harness

THEIRS = "falcosidekick.jsonl"
CONNECTIONS = {"S1.1": "1", "S1.16": "16", "S1.256": "256"}
RATE = {"S1": "rps", "S2": "delivered_per_s", "S3": "delivered_per_s", "S4": "delivered_per_s"}
MOST = {"S2.5": 12_800, "S2.5t": 12_800, "S2.50": 1280, "S2.50t": 1280}
"""Deliveries a second that 64 requests in flight allow, each answered after 5 or 50 ms."""
COLUMNS = ("p50_ms", "p99_ms", "cpu_s_per_1000", "peak_rss_mib")


def main() -> int:
    """Run the scenarios and print the table; 1 when the harness is not there."""
    options = _options()
    if not harness.exists(options.harness):
        return 1
    if options.summary:
        _print(*map(_read, options.summary), theirs=_read(options.harness / THEIRS))
        return 0
    with tempfile.TemporaryDirectory(prefix="sidekick-bench-", dir=options.scratch) as scratch:
        place = harness.build(options.harness, Path(scratch))
        out = options.out or place / "sidekick.jsonl"
        _run(place, out, options)
        ours = _read(out)
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}\n"
    )
    _print(ours, theirs=_read(options.harness / THEIRS))
    return 0


def _options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="S", help="scenarios by prefix, comma separated")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--out", type=Path, help="keep the rows in this file")
    parser.add_argument("--scratch", type=Path, help="directory for state and logs")
    parser.add_argument("--settle", default="30")
    parser.add_argument("--summary", type=Path, nargs="+", metavar="FILE")
    harness.add_option(parser)
    return parser.parse_args()


def _run(place: Path, out: Path, options: Any) -> None:
    only = options.only if options.only.startswith("S0") else f"S0,{options.only}"
    command = f"{Path(sys.executable).parent}/sidekick hub -c {{config}} --state {{state}}"
    subprocess.run(
        [
            sys.executable,
            place / "bench.py",
            "--cmd",
            command,
            "--name",
            "sidekick",
            "--only",
            only,
            "--repeat",
            str(options.repeat),
            "--settle",
            options.settle,
            "--out",
            out,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


Rows = dict[str, list[dict[str, Any]]]


def _read(path: Path) -> Rows:
    rows = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        rows[row["scenario"]].append(row)
    return rows


def _median(runs: Sequence[Rows], name: str, key: str) -> float | None:
    found = [row.get(key) for rows in runs for row in rows.get(name, ())]
    values = [value for value in found if isinstance(value, int | float)]
    return statistics.median(values) if values else None


def _rate(runs: Sequence[Rows], name: str) -> float | None:
    return _median(runs, name, RATE.get(name[:2], ""))


def _share(runs: Sequence[Rows], name: str) -> float | None:
    """The median over the runs, each with its own ceiling."""
    ceiling = "S0." + CONNECTIONS.get(name, "64")
    pairs = [(_rate([rows], name), _median([rows], ceiling, "rps")) for rows in runs]
    shares = [rate / most for rate, most in pairs if rate and most]
    return statistics.median(shares) if shares else None


def _lost(rows: list[dict[str, Any]]) -> str:
    found = []
    for row in rows:
        sinks = row.get("sinks") or {"webhook": row}
        lost = sum(s.get("lost", 0) for s in sinks.values()) + row.get("valid_lost", 0)
        again = sum(s.get("duplicates", 0) for s in sinks.values())
        found.append(f"{lost} lost, {again} again")
    return "; ".join(found)


def _print(*ours: Rows, theirs: Rows) -> None:
    print(f"{'':8}{'share of S0':>20}" + "".join(f"{c:>22}" for c in COLUMNS))
    for name in dict.fromkeys(name for rows in ours for name in rows):

        def pair(key: str, name: str = name) -> str:
            return _pair(_median(ours, name, key), _median([theirs], name, key), "{:.3g}")

        cells = [_pair(_share(ours, name), _share([theirs], name), "{:.3f}")]
        cells += [pair(column) for column in COLUMNS]
        line = f"{name:8}{cells[0]:>20}" + "".join(f"{c:>22}" for c in cells[1:])
        if name.startswith(("S2", "S3", "S4", "S5")):
            line += f"   {_lost([row for rows in ours for row in rows.get(name, ())])}"
        print(line)
        if name in MOST:
            rates = _pair(_rate(ours, name), _rate([theirs], name), "{:,.0f}")
            print(f"{'':10}delivered/s {rates}; 64 in flight allow {MOST[name]:,}")
        for key in (
            "startup_s_median",
            "idle_rss_mib",
            "scrape_s",
            "metrics_mib",
            "exit_s",
            "slack_per_s_in_fault",
        ):
            if name.startswith(("S5", "S6")) and pair(key) != "- / -":
                print(f"{'':10}{key} {pair(key)}")
    print("\neach cell: sidekick / falcosidekick")


def _pair(ours: float | None, theirs: float | None, form: str) -> str:
    return " / ".join("-" if v is None else form.format(v) for v in (ours, theirs))


if __name__ == "__main__":
    sys.exit(main())
