"""The shared peer harness: load and stand-ins for destinations, as programs built with Go."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

_BESIDE_US = Path(__file__).resolve().parents[2] / "shared" / "peer-bench"


def add_option(parser: argparse.ArgumentParser) -> None:
    """``--harness DIR``; without it SIDEKICK_PEER_BENCH, or the place beside this checkout."""
    default = Path(os.environ.get("SIDEKICK_PEER_BENCH", _BESIDE_US))
    parser.add_argument("--harness", type=Path, default=default)


def exists(harness: Path) -> bool:
    """Whether it is there; says so when it is not."""
    if (harness / "bench.py").exists():
        return True
    print(f"{harness}: the peer harness is not here; name it with --harness")
    return False


def build(harness: Path, scratch: Path) -> Path:
    """Copy it into the scratch directory and build it there: ``bin/load``, ``bin/stub``."""
    place = scratch / "harness"
    shutil.copytree(harness, place)
    subprocess.run(["chmod", "-R", "u+w", place], check=True)
    subprocess.run(["go", "build", "-o", "bin/", "./..."], cwd=place, check=True)
    return place
