"""Time limits for many tasks with one timer: entering one costs no timer of its own."""

from __future__ import annotations

import asyncio


class Deadlines:
    """Cancels tasks that take longer than ``secs``; ``asyncio.timeout`` for what begins often."""

    def __init__(self, secs: float) -> None:
        self._secs = secs
        self._loop = asyncio.get_running_loop()
        # In the order of their deadlines, since all have the same time.
        self._running: dict[asyncio.Task[None], tuple[float, int]] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, now: float) -> asyncio.Task[None]:
        """The current task shall end in time; give it back to ``end``."""
        task = asyncio.current_task(self._loop)  # without it, a system call
        assert task is not None
        self._running[task] = now + self._secs, task.cancelling()
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._secs, self._look)
        return task

    def end(self, task: asyncio.Task[None], error: BaseException | None = None) -> bool:
        """It ended; True if ``error`` is our cancellation and nobody else's: its time was up."""
        _, cancelling = self._running.pop(task)
        if task not in self._late:
            return False
        self._late.discard(task)
        if isinstance(error, asyncio.CancelledError):
            return task.uncancel() <= cancelling
        return False

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for task, (deadline, _) in self._running.items():
            if deadline > now:
                self._timer = self._loop.call_at(deadline, self._look)
                return
            if task not in self._late:
                self._late.add(task)
                task.cancel()
