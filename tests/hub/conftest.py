from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub.hubs import Stand


@pytest.fixture
async def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Hubs on one log, with sinks in memory."""
    return Stand(tmp_path, monkeypatch)
