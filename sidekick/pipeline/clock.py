"""Steady time for windows, made from a wall clock that may be stepped."""

from __future__ import annotations

_JITTER_NS = 5_000_000_000


class Clock:
    """Turns wall time into time that never runs backwards.

    A wall clock that is stepped back stops nothing: the steady time goes on from where it was, so
    a window lasts as long as it would have. Steps back of less than five seconds are taken for
    jitter between callers and are only flattened. When the wall clock catches up with the steady
    time, the two are the same again.
    """

    __slots__ = ("latest_ns", "skew_ns")

    def __init__(self, latest_ns: int = 0, skew_ns: int = 0) -> None:
        self.latest_ns = latest_ns
        self.skew_ns = skew_ns

    def tick(self, wall_ns: int) -> int:
        """The steady time at ``wall_ns``, remembered as the latest."""
        if self.latest_ns <= wall_ns and self.skew_ns == 0:
            self.latest_ns = wall_ns
            return wall_ns
        self.latest_ns, self.skew_ns = self._at(wall_ns)
        return self.latest_ns

    def peek(self, wall_ns: int) -> int:
        """The steady time at ``wall_ns``; nothing is remembered."""
        return self._at(wall_ns)[0]

    def _at(self, wall_ns: int) -> tuple[int, int]:
        if wall_ns >= self.latest_ns:
            return wall_ns, 0
        steady_ns = wall_ns + self.skew_ns
        if steady_ns >= self.latest_ns:
            return steady_ns, self.skew_ns
        if self.latest_ns - steady_ns <= _JITTER_NS:
            return self.latest_ns, self.skew_ns
        return self.latest_ns, self.latest_ns - wall_ns
