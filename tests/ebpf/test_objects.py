"""The objects that are shipped are those of the sources."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sidekick.ebpf.btf import Btf, elf_section
from sidekick.ebpf.probe import object_path
from tests.servers.unavailable import unavailable

SOURCES = object_path().parents[1]
MACHINES = ("x86_64", "aarch64")


def _make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "-s", "-C", SOURCES, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("machine", MACHINES)
def test_an_object_says_which_sources_it_is_made_of(machine: str) -> None:
    told = elf_section(object_path(machine).read_bytes(), "sources").rstrip(b"\0").decode()

    assert told == _make("digest").strip(), "run: make ebpf"


def test_the_same_compiler_makes_the_same_objects(tmp_path: Path) -> None:
    compiler = (object_path().parent / "compiler").read_text()
    _need(compiler)

    elsewhere = shutil.copytree(SOURCES, tmp_path / "elsewhere")  # no path may be in an object
    subprocess.run(["make", "-s", "-C", elsewhere, f"OUT={tmp_path}"], check=True)

    for machine in MACHINES:
        made = tmp_path / object_path(machine).name
        assert made.read_bytes() == object_path(machine).read_bytes(), "run: make ebpf"


def _need(compiler: str) -> None:
    clang = shutil.which("clang")
    found = _first_line(clang) if clang else "none"
    if found != compiler or not shutil.which("llvm-strip"):
        reason = f"needs the compiler of the objects, {compiler.strip()}; here is {found.strip()}"
        unavailable(reason)


def _first_line(clang: str) -> str:
    done = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines(keepends=True)[0]


def test_records_are_laid_out_alike_for_all_processors() -> None:
    layouts = [Btf(object_path(machine).read_bytes()).layouts for machine in MACHINES]
    records = [name for name in layouts[0] if name.endswith("_record")]

    assert len(records) == 6
    for name in records:
        assert layouts[0][name] == layouts[1][name]
