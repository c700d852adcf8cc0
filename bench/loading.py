"""What it takes to load rule files: Falco's four official ones, if they are beside the checkout,
and the packs of this project.

    python -m bench.loading

"cold" is a process of its own, from its start to the last rule in the graph; "again" is the same
in a process that has its modules, as on a reload. Nothing is kept between the two.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files

_OFFICIAL = Path(__file__).parents[2] / "shared" / "falco-rules"
_ROUNDS = 5
_COLD = "import sys; from sidekick.rule_files import load_files; assert load_files(sys.argv[1:]).ok"


def sets() -> Iterator[tuple[str, Sequence[Path]]]:
    """A name and the files of each set that is here."""
    if official := sorted(_OFFICIAL.glob("*.yaml")):
        yield "Falco's official files", official
    yield "our packs", pack_files()


def cold_secs(files: Sequence[Path]) -> float:
    """Wall seconds of a process that loads the files, best of the rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", _COLD, *map(str, files)], check=True)
        best = min(best, time.perf_counter() - began)
    return best


def again_secs(files: Sequence[Path]) -> float:
    """CPU seconds to load the files once more, best of the rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        rules = load_files(files)
        best = min(best, time.process_time() - began)
        assert rules.ok
    return best


def call_secs() -> float:
    """CPU seconds of an empty call."""

    def nothing() -> None:
        pass

    began = time.process_time()
    for _ in range(1_000_000):
        nothing()
    return (time.process_time() - began) / 1e6


def main() -> None:
    """Print the table."""
    call = call_secs()
    print(f"an empty call {call * 1e6:.3f} µs\n")
    for name, files in sets():
        rules, size = len(load_files(files).rules), sum(file.stat().st_size for file in files)
        cold, again = cold_secs(files), again_secs(files)
        print(
            f"{name:24}{rules:5} rules {size // 1000:5} kB   cold {cold:6.3f} s   "
            f"again {again:6.3f} s = {again / call / rules:8,.0f} calls a rule"
        )


if __name__ == "__main__":
    main()
