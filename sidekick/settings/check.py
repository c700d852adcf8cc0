"""What no section can know by itself: whether the parts of a configuration fit together."""

from __future__ import annotations

from sidekick.settings.faults import Faults
from sidekick.settings.model import Settings


def cross_check(settings: Settings, faults: Faults) -> None:
    """Add the faults between sections to ``faults``."""
