"""The image as a fixture: built once a session."""

from __future__ import annotations

import pytest

from tests.image.engine import Engine
from tests.servers.shared import SERVERS


@pytest.fixture(scope="session")
def docker() -> Engine:
    """An engine that has the image."""
    return SERVERS.image()
