"""Loki's stand: a stand-in that is as strict as its push API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.sinks.loki_stand import LokiStand, loki_stand

LACKS: Mapping[str, str] = {}
KEEPS_ONE = True
MARKS: Sequence[pytest.MarkDecorator] = ()


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[LokiStand]:
    async with loki_stand() as stand:
        yield stand
