"""The image for the other machine: what can be known of it without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.image.engine import IMAGE, ROOT, Engine
from tests.image.test_image import pins
from tests.servers.ahead import NICE

pytestmark = [pytest.mark.servers, pytest.mark.slow]

MACHINES = ("x86_64", "aarch64")
PYTHON = "3.11"
"""Of the Debian that the image is made of."""


def _install(machine: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [*NICE, sys.executable, "-m", "pip", "install", "--dry-run"]
    command += ["--quiet", "--ignore-installed", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    command += [f"--platform=manylinux{kind}_{machine}" for kind in ("2014", "_2_28")]
    command += [f"--target={folder}", "--report=-", "-r", ROOT / "requirements.image.lock"]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize(
    "machine",
    [pytest.param(one, marks=pytest.mark.ahead(does=partial(_install, one))) for one in MACHINES],
)
def test_every_locked_dependency_is_to_be_had(
    machine: str, ahead: subprocess.CompletedProcess[str]
) -> None:
    """With the locked hash, and without a compiler; nothing is installed."""
    if "connection broken" in ahead.stderr and os.environ.get("CI") != "true":
        pytest.skip("no registry can be reached")
    assert ahead.returncode == 0, ahead.stderr

    found = [one["download_info"]["url"] for one in json.loads(ahead.stdout)["install"]]
    assert len(found) == len(pins("requirements.image.lock"))
    assert any(machine in url for url in found)


def test_the_sensor_of_both_machines_is_in_it(docker: Engine) -> None:
    find = ("--entrypoint=find", IMAGE, "/opt/sidekick/lib", "-name", "sensor.*.bpf.o")
    found = docker("run", "--rm", "--network=none", *find)

    names = {Path(line).name for line in found.splitlines()}
    assert names == {f"sensor.{machine}.bpf.o" for machine in MACHINES}


def test_the_emulated_build_has_the_steps_of_the_image() -> None:
    """``tools/image-emulated`` itself takes too long for a test."""
    steps = ("system", "builder", "dependencies", "application")
    files = ("requirements.image.lock", "pyproject.toml", "README.md", "config/rules", "sidekick")
    script = ROOT / "tools" / "image-emulated"
    text, dockerfile = script.read_text(), (ROOT / "Dockerfile").read_text()

    assert f"for step in {' '.join(steps)}; do" in text
    assert all(f"/src/tools/image {step}" in dockerfile for step in steps)
    assert all(file in text and file in dockerfile for file in files)
    subprocess.run(["sh", "-n", script], check=True)
