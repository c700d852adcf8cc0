"""The image as a fixture: built once a session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.image.engine import Engine, engine
from tests.servers.process import NotStarted


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """An engine that has the image."""
    try:
        with engine() as found:
            found.build()
            yield found
    except NotStarted as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
