"""Run the shared peer harness against sidekick and print ours beside falcosidekick's.

    python -m bench.peer [--only S1,S5a] [--repeat 3] [--harness DIR]

The harness is copied into a scratch directory and built there (needs Go). Figures of throughput
are read as shares of S0, the harness' own ceiling with as many connections in the same run, since
machines differ; falcosidekick's come from the recorded runs beside the harness.
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
from pathlib import Path
from typing import Any

from bench import harness

CONNECTIONS = {"S1.1": "1", "S1.16": "16", "S1.256": "256"}
RATE = {"S1": "rps", "S2": "delivered_per_s", "S3": "delivered_per_s", "S4": "delivered_per_s"}
COLUMNS = ("p50_ms", "p99_ms", "cpu_s_per_1000", "peak_rss_mib")


def main() -> int:
    """Run the scenarios and print the table; 1 when the harness is not there."""
    options = _options()
    if not harness.exists(options.harness):
        return 1
    with tempfile.TemporaryDirectory(prefix="sidekick-bench-", dir=options.scratch) as scratch:
        place = harness.build(options.harness, Path(scratch))
        out = options.out or place / "sidekick.jsonl"
        _run(place, out, options)
        ours, theirs = _read(out), _read(place / "falcosidekick.jsonl")
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}\n"
    )
    _print(ours, theirs)
    return 0


def _options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="S", help="scenarios by prefix, comma separated")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--out", type=Path, help="keep the rows in this file")
    parser.add_argument("--scratch", type=Path, help="directory for state and logs")
    parser.add_argument("--settle", default="30")
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


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    rows = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        rows[row["scenario"]].append(row)
    return rows


def _median(rows: list[dict[str, Any]], key: str) -> float | None:
    values = [row[key] for row in rows if isinstance(row.get(key), int | float)]
    return statistics.median(values) if values else None


def _share(rows: dict[str, list[dict[str, Any]]], name: str) -> float | None:
    rate = _median(rows[name], RATE.get(name[:2], ""))
    ceiling = _median(rows["S0." + CONNECTIONS.get(name, "64")], "rps")
    return rate / ceiling if rate and ceiling else None


def _lost(rows: list[dict[str, Any]]) -> str:
    found = []
    for row in rows:
        sinks = row.get("sinks") or {"webhook": row}
        lost = sum(s.get("lost", 0) for s in sinks.values()) + row.get("valid_lost", 0)
        again = sum(s.get("duplicates", 0) for s in sinks.values())
        found.append(f"{lost} lost, {again} again")
    return "; ".join(found)


def _print(ours: dict[str, list[dict[str, Any]]], theirs: dict[str, list[dict[str, Any]]]) -> None:
    print(f"{'':8}{'share of S0':>20}" + "".join(f"{c:>22}" for c in COLUMNS))
    for name in ours:
        cells = [_pair(_share(ours, name), _share(theirs, name), "{:.3f}")]
        cells += [
            _pair(_median(ours[name], c), _median(theirs[name], c), "{:.3g}") for c in COLUMNS
        ]
        line = f"{name:8}{cells[0]:>20}" + "".join(f"{c:>22}" for c in cells[1:])
        if name.startswith(("S2", "S3", "S4", "S5")):
            line += f"   {_lost(ours[name])}"
        print(line)
        for key in (
            "startup_s_median",
            "idle_rss_mib",
            "scrape_s",
            "metrics_mib",
            "exit_s",
            "slack_per_s_in_fault",
        ):
            pair = _pair(_median(ours[name], key), _median(theirs[name], key), "{:.3g}")
            if name.startswith(("S5", "S6")) and pair != "- / -":
                print(f"{'':10}{key} {pair}")
    print("\neach cell: sidekick / falcosidekick")


def _pair(ours: float | None, theirs: float | None, form: str) -> str:
    return " / ".join("-" if v is None else form.format(v) for v in (ours, theirs))


if __name__ == "__main__":
    sys.exit(main())
