"""A server as a child process: started on free ports, waited for, killed with the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

_PATIENCE_SECS = 60.0


class NotStarted(Exception):
    """A server that is not installed or does not start; str() is a sentence."""


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 on which nobody listens now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def running(
    command: Sequence[str | Path],
    folder: Path,
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block; what it prints goes to ``folder/log``.

    Raises ``NotStarted`` if it ends or is not ready in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [*dies_with_us(), *command],
            cwd=folder,
            env=os.environ | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, folder / "log", ready)
        yield process
    finally:
        process.kill()
        process.wait()


def dies_with_us() -> list[str]:
    """Let the kernel kill the server when the tests are killed (PR_SET_PDEATHSIG)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECS
    while not ready():
        ended = process.poll()
        if ended is not None or time.monotonic() > deadline:
            state = "is not ready" if ended is None else f"ended with {ended}"
            told = log.read_text(errors="replace")[-3000:]
            raise NotStarted(f"{process.args!r} {state}:\n{told}")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether something on this machine takes connections at the port."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def unmount_below(folder: Path) -> None:
    """Unmount what a container engine left mounted in its folders, the innermost first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounted = [Path(line.split()[4]) for line in lines]
    for place in reversed(mounted):
        if place.is_relative_to(folder):
            subprocess.run(["umount", place], check=True)
