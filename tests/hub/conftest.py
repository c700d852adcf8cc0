from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.hubs import Stand
from tests.servers.unavailable import unavailable


@pytest.fixture
async def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Hubs on one log, with sinks in memory."""
    return Stand(tmp_path, monkeypatch)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        reason = f"needs to mount a tmpfs: {mounted.stderr.decode().strip()}"
        unavailable(reason)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)
