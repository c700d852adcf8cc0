"""Syslog's stand: a receiver over TCP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.sinks.syslog_stand import SyslogStand, syslog_stand

LACKS = {
    "failing": "syslog gives no answers",
    "throttling": "syslog gives no answers",
    "hanging": "the kernel of a receiver that reads nothing acknowledges all the same",
}
KEEPS_ONE = False
MARKS: Sequence[pytest.MarkDecorator] = ()


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[SyslogStand]:
    async with syslog_stand() as stand:
        yield stand
