from __future__ import annotations

import asyncio
import logging

import pytest

from sidekick.errors import ConfigError
from sidekick.sources import _forever


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConfigError(["the certificate is missing"]), "a source cannot start, trying again"),
        (RuntimeError("oops"), "a source failed; it is started again"),
        (None, ""),
    ],
)
async def test_a_source_that_ends_is_started_again(
    error: Exception | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(_forever, "_FIRST_PAUSE_SECS", 0.001)
    again = asyncio.Event()
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            again.set()
        if error is not None:
            raise error

    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(_forever.forever("audit", run))
        async with asyncio.timeout(5):
            await again.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert told in caplog.text
