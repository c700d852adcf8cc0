"""A Docker engine for the tests, and the image built in it.

The engine is started by hand, without network bridges, with its data in the tests' cache: layers
that did not change are there the next time. Where no registry can be reached, the base image is a
Debian that debootstrap made.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import places
from tests.servers.process import NotStarted, running, unmount_below

ROOT = Path(__file__).parents[2]
IMAGE = "sidekick:tests"
_BASE = f"debian:{places.DEBIAN}-slim"


class Engine:
    """``docker`` against one engine."""

    def __init__(self, socket: Path) -> None:
        self._environment = os.environ | {"DOCKER_HOST": f"unix://{socket}", "DOCKER_BUILDKIT": "0"}

    def __call__(self, *arguments: str | Path, check: bool = True) -> str:
        """What a command prints, errors included."""
        done = subprocess.run(
            ["docker", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(map(str, arguments))}:\n{done.stdout[-3000:]}")
        return done.stdout.strip()

    def answers(self) -> bool:
        """Whether the engine is up."""
        return "Server Version" in self("info", check=False)

    @property
    def base_bytes(self) -> int:
        """Size of the base image."""
        return int(self("image", "inspect", "--format", "{{.Size}}", _BASE))

    def build(self) -> None:
        """Build the image with the Dockerfile of the project."""
        if not self("image", "ls", "--quiet", _BASE):
            self("import", places.debian() / "root.tar", _BASE)
        build = ("build", "--network", "host")
        self(*build, "--target", "build", "--tag", f"{IMAGE}-build", ROOT)
        self(*build, "--tag", IMAGE, ROOT)
        self("image", "prune", "--force")  # the one that this one replaces


@contextmanager
def image(folder: Path) -> Iterator[Engine]:
    """An engine that has the image."""
    with engine(folder) as found:
        found.build()
        yield found


@contextmanager
def engine(place: Path) -> Iterator[Engine]:
    """An engine of our own; needs root."""
    if os.geteuid() != 0 or places.program("dockerd") is None or not places.debian().exists():
        raise NotStarted("the image's tests need root, dockerd and debootstrap: see install.py")
    data = places.cache_dir() / "docker"
    data.mkdir(exist_ok=True)
    # Two sessions cannot share one engine's data.
    with open(data / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (data / "pid").unlink(missing_ok=True)
        found = Engine(place / "socket")
        command: list[str | Path] = [
            "dockerd",
            f"--data-root={data / 'root'}",
            f"--exec-root={place / 'exec'}",
            f"--pidfile={data / 'pid'}",
            f"--host=unix://{place / 'socket'}",
            "--bridge=none",
            "--iptables=false",
        ]
        with running(command, place, found.answers) as process:
            yield found
            process.terminate()
            process.wait(30)
            unmount_below(place)
            unmount_below(data)
