"""Slack's stand: a stand-in that enforces Slack's limits, entered by a webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.sinks.slack_stand import SlackStand, slack_stand

LACKS: Mapping[str, str] = {}
KEEPS_ONE = False
MARKS: Sequence[pytest.MarkDecorator] = ()


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[SlackStand]:
    async with slack_stand() as stand:
        yield stand
