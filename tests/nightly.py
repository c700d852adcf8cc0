"""How many examples a property is tried with: few in ``make test``, many in ``make nightly``."""

from __future__ import annotations

import os

NIGHTLY = bool(os.environ.get("SIDEKICK_NIGHTLY"))


def examples(by_day: int, by_night: int) -> int:
    """One of both numbers."""
    return by_night if NIGHTLY else by_day
