"""Where alerts come from. A source turns what it receives into ``Alert``s and offers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sidekick.model import Alert

Answer = Callable[[BaseException | None], None]
"""Called once, on the event loop: with None when all is durable, with ``Shed`` or another error
when it is not."""


class Intake(Protocol):
    """What a source is given; the hub implements it."""

    def offer(self, alerts: Sequence[Alert], answer: Answer) -> None:
        """Take alerts; ``answer`` is called after they are committed. Never blocks."""

    def quarantine(self, source: str, body: bytes, reason: str) -> None:
        """Keep (bounded) what was no alert, and count it."""
