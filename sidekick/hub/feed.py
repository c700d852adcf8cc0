"""What a lane has yet to deliver, in order: from memory while it keeps up, else from disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from sidekick.errors import LogUnreadable
from sidekick.hub.archive import Archive
from sidekick.model import Envelope

_READ_ITEMS = 1000
_AGAIN_SECS = 5.0


class Feed:
    """The queue of one lane; bounded by ``memory`` bytes, the rest stays in the log.

    ``head`` gives the last committed sequence number, ``on_more`` is called when a read from disk
    brought something, ``on_fault`` with a sentence when it failed; it is tried again. From
    ``start`` on, ``push`` must be called for each of the lane's alerts in the order of their
    commit, after ``head`` includes them.
    """

    def __init__(
        self,
        archive: Archive,
        bit: int,
        position: int,
        memory: int,
        head: Callable[[], int],
        on_more: Callable[[], None],
        on_fault: Callable[[str], None],
    ) -> None:
        self._archive = archive
        self._bit = bit
        self._memory = memory
        self._head = head
        self._on_more = on_more
        self._on_fault = on_fault
        self._again_at = 0.0
        self._queue: deque[Envelope] = deque()
        self._bytes = 0
        self._position = position
        self._behind = True
        self._started = False
        self._meanwhile: list[Envelope] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._queued_at = 0.0

    @property
    def next_seq(self) -> int:
        """Everything below was taken."""
        if self._queue:
            return self._queue[0].seq
        return self._position if self._behind else self._head() + 1

    @property
    def caught_up(self) -> bool:
        """Nothing waits, neither here nor on disk."""
        return not self._queue and not self._behind

    @property
    def oldest_ns(self) -> int | None:
        """When the first of the queue was received; None for an empty queue."""
        return self._queue[0].received_ns if self._queue else None

    def push(self, envelope: Envelope, now: float) -> None:
        """Note a committed alert; ``now`` is the loop's time."""
        if not self._behind:
            if self._bytes < self._memory:
                self._append(envelope, now)
                return
            self._behind = True
            self._position = envelope.seq
        elif self._meanwhile is not None:
            self._meanwhile.append(envelope)
            if len(self._meanwhile) > _READ_ITEMS:
                self._meanwhile = None

    def ready(self, items: int, size: int, age: float, now: float) -> bool:
        """Whether there is a batch: full, old enough, or as large as the memory lets it grow."""
        if not self._queue:
            return False
        return (
            age <= 0
            or (self._behind and self._started and self._reading is None)
            or len(self._queue) >= items
            or self._bytes >= size
            or now >= self._queued_at + age
        )

    def ready_at(self, age: float) -> float | None:
        """When the queue's first alert will be old enough, None for an empty queue."""
        return self._queued_at + age if self._queue else None

    def take(self, items: int, size: int, now: float) -> list[Envelope]:
        """The next batch: at most so many alerts and bytes, but at least one alert."""
        taken = [self._queue.popleft()]
        total = len(taken[0].body)
        while self._queue and len(taken) < items:
            total += len(self._queue[0].body)
            if total > size:
                break
            taken.append(self._queue.popleft())
        self._bytes -= sum(len(e.body) for e in taken)
        self._queued_at = now
        return taken

    def start(self) -> None:
        """Read what was committed up to now; may be called again."""
        self._started = True
        self.refill()

    def refill(self) -> None:
        """Read on from disk, if the lane is behind and its queue runs low."""
        if self._reading is not None or not (self._started and self._behind):
            return
        if self._bytes < self._memory // 2 and asyncio.get_running_loop().time() >= self._again_at:
            self._reading = asyncio.create_task(self._read(), name="log-read")

    async def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _read(self) -> None:
        """Read up to the head of now; what is committed meanwhile is kept aside and follows."""
        loop = asyncio.get_running_loop()
        try:
            first, last = self._position, self._head()
            self._meanwhile = []
            found, go_on = await self._archive.run(
                lambda: self._archive.lane_envelopes(
                    self._bit, first, last, _READ_ITEMS, self._memory
                )
            )
            meanwhile, self._meanwhile = self._meanwhile, None
            for envelope in found:
                self._append(envelope, loop.time())
            self._position = go_on
            if go_on > last and meanwhile is not None:
                self._behind = False
                for envelope in meanwhile:
                    self._append(envelope, loop.time())
        except LogUnreadable as error:
            self._on_fault(str(error))
            self._again_at = loop.time() + _AGAIN_SECS
            loop.call_at(self._again_at, self._on_more)
            return
        finally:
            self._meanwhile = None
            self._reading = None
        self._on_more()

    def _append(self, envelope: Envelope, now: float) -> None:
        if not self._queue:
            self._queued_at = now
        self._queue.append(envelope)
        self._bytes += len(envelope.body)
