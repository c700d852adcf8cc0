"""What becomes of a test whose real part is not to be had."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def unavailable(sentence: str) -> NoReturn:
    """Fail in CI, where everything has to be there; skip elsewhere, with the sentence."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(sentence)
    raise AssertionError(sentence)
