"""The service as a process: started as its user starts it, killed, started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import yaml

_SIDEKICK = Path(sys.executable).parent / "sidekick"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class System:
    """``sidekick hub`` with a configuration file and a state directory of its own."""

    def __init__(self, directory: Path, config: dict[str, object]) -> None:
        self.directory = directory
        self.port, self.admin_port = free_port(), free_port()
        own: dict[str, object] = {
            "listen": {"address": "127.0.0.1", "port": self.port},
            "admin": {"port": self.admin_port},
            "state_dir": str(directory / "state"),
        }
        (directory / "sidekick.yaml").write_text(yaml.safe_dump(own | config))
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Start and wait for /ping; gives the seconds it took."""
        began = time.monotonic()
        self.process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            'exec "$0" hub -c sidekick.yaml >>log 2>&1',
            str(_SIDEKICK),
            cwd=self.directory,
        )
        while not await self.answers():
            assert self.process.returncode is None, self.log()
            assert time.monotonic() - began < 30, self.log()
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def stop(self, number: signal.Signals) -> int:
        """Send the signal and wait for the end; gives the exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()

    def log(self) -> str:
        """The end of what the service printed."""
        return (self.directory / "log").read_text()[-5000:]

    def rss_mib(self) -> float:
        """Resident memory of the process."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def answers(self) -> bool:
        """Whether /ping is answered."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer.startswith(b"HTTP/1.1 200")
        return False


@contextlib.asynccontextmanager
async def system(directory: Path, config: dict[str, object]) -> AsyncIterator[System]:
    """A running service; killed at the end if it still runs."""
    one = System(directory, config)
    await one.start()
    try:
        yield one
    finally:
        await one.stop(signal.SIGKILL)


async def until(condition: object, seconds: float, what: str) -> None:
    """Wait for a condition (a function) to hold; fails with ``what`` when it does not."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)
