"""Tells whether a loop still moves, and when there is no hope left for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


class Watchdog:
    """``moved`` is called by the loop, the others by whoever looks after it, now and then."""

    def __init__(self, silent_secs: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``silent_secs``: a loop that has not moved for so long hangs."""
        self._silent_secs = silent_secs
        self._clock = clock
        self._moved = clock()
        self._seen_silent: float | None = None

    def moved(self) -> None:
        """It goes round."""
        self._moved = self._clock()

    def problems(self) -> Sequence[str]:
        """Why it is not well, as a sentence; none: it is."""
        silent = self._clock() - self._moved
        return [f"it has not moved for {silent:.0f} s"] if silent > self._silent_secs else []

    def hangs(self) -> bool:
        """It was silent at the last look, and has not moved since.

        One look is not enough: a process that was stopped for a while is silent at first.
        """
        if not self.problems():
            self._seen_silent = None
            return False
        again = self._seen_silent == self._moved
        self._seen_silent = self._moved
        return again
