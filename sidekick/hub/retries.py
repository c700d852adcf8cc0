"""The alerts of one lane that wait in the ``retry`` table for another try."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from sidekick.hub.archive import Archive
from sidekick.hub.delivery import Delivery, park, unpark
from sidekick.hub.spool import Statement
from sidekick.hub.writer import Progress, Writer
from sidekick.model import Envelope
from sidekick.sinks import LaneConfig

_AT_ONCE = 500


class Retries:
    """Parks alerts in the table and reads back what is due; ``on_more`` is called when it did.

    Times are the event loop's. What was read stays in the table until it is settled, so that it
    is still there after a crash.
    """

    def __init__(
        self,
        lane: Progress,
        config: LaneConfig,
        archive: Archive,
        writer: Writer,
        on_more: Callable[[], None],
    ) -> None:
        self._lane = lane
        self._config = config
        self._archive = archive
        self._writer = writer
        self._on_more = on_more
        self._ready: list[Delivery] = []
        self._busy: set[int] = set()
        self._looking = False
        self.due = 0.0
        """When to look into the table again."""
        self.oldest_ns: int | None = None
        """Since when the first of the table waits, as it was at the last look; None for none."""

    def take(self) -> Delivery | None:
        """The next delivery that was read back."""
        return self._ready.pop() if self._ready else None

    def wants_look(self, now: float) -> bool:
        """Whether ``look`` should be started."""
        if self._looking or self._ready or now < self.due:
            return False
        self._looking = True
        return True

    def stopped(self) -> None:
        """What ``look`` was doing has ended, if it was ever started."""
        self._looking = False

    async def look(self) -> None:
        """Fetch what is due; a wait that a stepped clock stretched is cut short."""
        now_ns, longest = time.time_ns(), self._config.backoff_max
        bit = self._lane.bit
        try:
            busy = list(self._busy)  # taken first: what settles from here on is excluded,
            await self._writer.flush()  # and what settled before is no longer in the table
            due = await self._archive.run(
                lambda: self._archive.due_retries(bit, now_ns, busy, _AT_ONCE)
            )
            following, oldest = await self._archive.run(lambda: self._archive.retry_times(bit))
        finally:
            self._looking = False
        self.oldest_ns = oldest
        for envelope, attempts, since_ns in due:
            self._busy.add(envelope.seq)
            self._make_ready(envelope, attempts, since_ns)
        wait = longest if following is None else max((following - now_ns) / 1e9, 0.2)
        if len(due) == _AT_ONCE:
            wait = 0.0
        self.due = asyncio.get_running_loop().time() + min(wait, longest)
        self._on_more()

    def park(self, delivery: Delivery, now: float, wait: float, error: str) -> None:
        """Keep its alerts in the table, to be tried again in so many seconds."""
        self._busy.difference_update(e.seq for e in delivery.items)
        due_ns = time.time_ns() + int(wait * 1e9)
        self.oldest_ns = min(self.oldest_ns or delivery.since_ns, delivery.since_ns)
        self._store(park(self._lane.bit, delivery, due_ns, error))
        self.due = min(self.due, now + wait) if self.due > now else now + wait

    def settle(self, items: Sequence[Envelope]) -> None:
        """They need no other try."""
        self._busy.difference_update([e.seq for e in items])
        if not self._busy:
            self.due = 0.0  # what is the oldest now?
        self._store([unpark(self._lane.bit, items)])

    def _store(self, statements: Iterable[Statement]) -> None:
        self._writer.also(statements, self._lane)

    def _make_ready(self, envelope: Envelope, attempts: int, since_ns: int) -> None:
        """Alerts that never failed go in batches; one that failed goes alone."""
        last = self._ready[-1] if self._ready else None
        if (
            last is not None
            and attempts == last.attempts == 0
            and len(last.items) < self._config.batch_items
            and sum(len(e.body) for e in last.items) < self._config.batch_bytes
        ):
            last.items.append(envelope)
            return
        self._ready.append(Delivery([envelope], since_ns, attempts, parked=True))
