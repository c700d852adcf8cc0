"""The file's stand: a folder, which is no folder while it is broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.conformance import ids_in

LACKS = {
    "failing": "a file gives no answers",
    "throttling": "a file gives no answers",
    "hanging": "a write to a local file ends",
}
KEEPS_ONE = False
MARKS: Sequence[pytest.MarkDecorator] = ()


@dataclass
class Folder:
    keys: Mapping[str, Any]
    path: Path
    secrets: Sequence[str] = ()

    async def ids(self) -> list[str]:
        return ids_in(self.path.read_bytes()) if self.path.exists() else []

    @asynccontextmanager
    async def fault(self, name: str) -> AsyncIterator[asyncio.Event]:
        met, away = asyncio.Event(), self.path.parent.with_name("away")
        met.set()
        moved = self.path.parent.exists()
        if moved:
            self.path.parent.rename(away)
        self.path.parent.write_bytes(b"")
        yield met
        self.path.parent.unlink()
        if moved:
            away.rename(self.path.parent)


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[Folder]:
    path = folder / "logs" / "alerts.ndjson"
    yield Folder({"path": str(path)}, path)
