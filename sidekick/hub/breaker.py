"""A lane's circuit breaker: after failures in a row it lets one delivery through at a time."""

from __future__ import annotations


class Breaker:
    """Closed until ``failures`` deliveries in a row failed; then open for a pause that doubles.

    Times are seconds of a monotonic clock, given by the caller. After the pause one delivery may
    be tried; its success closes the breaker, its failure doubles the pause up to ``longest``.
    """

    def __init__(self, failures: int, pause: float, longest: float) -> None:
        self._threshold = failures
        self._first_pause = pause
        self._longest = max(pause, longest)
        self._pause = pause
        self._failures = 0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether deliveries are held back, trial deliveries aside."""
        return self._failures >= self._threshold

    def allowed(self, now: float, in_flight: int) -> bool:
        """Whether a delivery may start now."""
        if now < self._until:
            return False
        return not self.is_open or in_flight == 0

    def opens_at(self) -> float:
        """When deliveries may start again, as far as time alone decides."""
        return self._until

    def succeeded(self) -> bool:
        """Note a success; True when that closed the breaker."""
        was_open = self.is_open
        self._failures = 0
        self._pause = self._first_pause
        return was_open

    def failed(self, now: float) -> None:
        """Note a failure of the sink."""
        self._failures += 1
        if self._failures == self._threshold:
            self._until = max(self._until, now + self._pause)
        elif self.is_open and now >= self._until:
            self._pause = min(2 * self._pause, self._longest)
            self._until = now + self._pause

    def hold(self, now: float, seconds: float) -> None:
        """Let nothing through for so long: the receiver asked for it."""
        self._until = max(self._until, now + seconds)
