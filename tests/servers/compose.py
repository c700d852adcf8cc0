"""Docker Compose, as far as it needs no engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.servers import places


def compose_program() -> Path:
    """Its path; without it the test is skipped, in CI it fails."""
    found = places.compose() / "bin" / "docker-compose"
    if not found.exists():
        sentence = "Compose is not there: run tests/servers/install.py"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return found
