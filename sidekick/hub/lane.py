"""A lane delivers to one sink: the only place that batches, waits, retries and gives up.

A delivery holds one of the lane's slots until it is settled. When it fails it waits in its slot
and is tried again; when the sink works but this delivery keeps failing, its alerts are parked in
the ``retry`` table, so that they hold up nobody. What is in flight or waits in a slot is stored
as ``open`` ranges: after a crash it is offered again, and nothing else is.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from sidekick import metrics
from sidekick.hub.archive import Archive
from sidekick.hub.attempts import Attempts, sentence
from sidekick.hub.delivery import Delivery, trim
from sidekick.hub.feed import Feed
from sidekick.hub.retries import Retries
from sidekick.hub.tally import Tally
from sidekick.hub.view import LaneStatus
from sidekick.hub.writer import Writer
from sidekick.model import Envelope
from sidekick.sinks import Sink, SinkConfig

_OPEN_AGAIN_SECS = 30.0


class Lane:
    """One sink instance and all that waits for it; methods are called on the event loop."""

    def __init__(
        self,
        name: str,
        config: SinkConfig,
        open_sink: Callable[[], AbstractAsyncContextManager[Sink]],
        archive: Archive,
        writer: Writer,
        row: tuple[int, int, str],
        head: Callable[[], int],
        memory: int,
        dead_limit: int = 10_000,
    ) -> None:
        self.name = name
        self.sink_config = config
        self.bit, position, ranges = row
        self._config = lane = config.lane
        self._open_sink = open_sink
        self._archive = archive
        self._head = head
        self._writer = writer
        self._recovering: list[tuple[int, int]] = [(a, b) for a, b in json.loads(ranges)]
        self._tally = tally = Tally(name)
        self._feed = Feed(archive, self.bit, position, memory, head, self.pump, tally.note)
        self._retries = Retries(self, lane, archive, writer, self.pump)
        self._attempts = Attempts(self, name, lane, writer, self._retries, tally)
        self._loop = asyncio.get_running_loop()
        self._sink: Sink | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._flying: set[Delivery] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._stopping = False
        self.tried = asyncio.Event()
        """Set once the sink was opened, or could not be."""
        self._dead_limit = dead_limit
        self._dead_before = 0
        self._stopped_at: tuple[int, str, int] | None = None

    # -- what others ask ---------------------------------------------------------------------

    def status(self) -> LaneStatus:
        """How the lane is doing."""
        oldest = self._oldest_ns()
        age = max(0.0, (time.time_ns() - oldest) / 1e9) if oldest else 0.0
        tally = self._tally
        return LaneStatus(
            name=self.name,
            type=self.sink_config.type,
            state=self._state(),
            depth=max(0, tally.depth),  # what was shed may be delivered from memory
            oldest_age_secs=age,
            in_flight=len(self._flying),
            delivered=tally.delivered,
            retried=tally.retried,
            dead=tally.dead,
            last_error=tally.last_error,
        )

    @property
    def opened(self) -> bool:
        """Whether the sink was opened."""
        return self._sink is not None

    @property
    def idle(self) -> bool:
        """Nothing waits but what was parked for later."""
        busy = self._flying or self._attempts.waiting or self._recovering
        return not busy and self._feed.caught_up

    def progress(self) -> tuple[int, str, int]:
        """(next, open, bit): what the log stores of this lane; fixed once it has stopped."""
        if self._stopped_at is not None:
            return self._stopped_at
        open_ones = (*self._flying, *self._attempts.waiting)
        ranges = [(d.items[0].seq, d.items[-1].seq) for d in open_ones if not d.parked]
        ranges += self._recovering
        return self._feed.next_seq, json.dumps(sorted(ranges)), self.bit

    def push(self, envelope: Envelope) -> None:
        """Take a committed alert; ``pump`` follows once all of the commit are pushed."""
        self._tally.depth += 1
        self._feed.push(envelope, self._loop.time())

    def retry_now(self, count: int) -> None:
        """So many rows were added to the lane's retries from outside."""
        self._tally.depth += count
        self._retries.due = 0.0
        self.pump()

    async def trim_dead(self) -> None:
        """Forget the oldest dead letters above the limit, if there are new ones."""
        if self._tally.dead == self._dead_before:
            return
        self._dead_before = self._tally.dead
        statement = trim(self.bit, self._dead_limit)
        await self._writer.flush()
        gone = await self._writer.run(
            lambda spool: spool.call(lambda db: db.execute(*statement).rowcount)
        )
        metrics.lost.labels("dead letters dropped").inc(gone)

    # -- life --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Open the sink, again and again if need be, and deliver until cancelled."""
        failures = 0
        try:
            while True:
                try:
                    await self._recover()
                    await self._serve()
                except (Exception, BaseExceptionGroup) as error:
                    failures += 1
                    self._tally.note(f"cannot open: {sentence(error)}")
                    self.tried.set()
                    await asyncio.sleep(min(_OPEN_AGAIN_SECS, 0.5 * 2 ** min(failures, 6)))
        finally:
            self._stopping = True
            if self._timer is not None:
                self._timer.cancel()
            await self._feed.close()
            self._stopped_at = self.progress()
            self._writer.also((), self)

    async def _serve(self) -> None:
        try:
            async with self._open_sink() as sink, asyncio.TaskGroup() as tasks:
                self._sink, self._tasks = sink, tasks
                self.tried.set()
                self.pump()
                await asyncio.Event().wait()
        finally:
            self._sink = self._tasks = None
            for delivery in self._flying:
                self._attempts.wait(delivery)
            self._flying.clear()
            self._retries.stopped()

    async def _recover(self) -> None:
        """Read back what was in flight when the last process ended, and count what waits."""
        await self.recount()
        while self._recovering:
            first, last = self._recovering[0]
            items, go_on = await self._archive.run(
                partial(
                    self._archive.lane_envelopes,
                    self.bit,
                    first,
                    last,
                    self._config.batch_items,
                    self._config.batch_bytes,
                )
            )
            if items:
                self._attempts.wait(Delivery(items, time.time_ns()))
            self._recovering[0] = (go_on, last)
            if go_on > last:
                del self._recovering[0]
        self._feed.start()

    async def recount(self) -> None:
        """Count what waits: at the start, and after the log shed alerts."""
        await self._writer.flush()  # also what was assessed before there was this lane
        before, head = self._tally.depth, self._head()
        next_seq, text, bit = self.progress()
        waiting = await self._archive.run(
            partial(self._archive.pending, bit, next_seq, head, json.loads(text))
        )
        self._tally.depth += waiting - before

    # -- the pump ----------------------------------------------------------------------------

    def pump(self) -> None:
        """Start what may start now, and arrange to be called when more may."""
        if self._stopping:
            return
        self._feed.refill()
        if self._sink is None:
            return
        now = self._loop.time()
        while self._attempts.breaker.allowed(now, len(self._flying)):
            delivery = self._next(now)
            if delivery is None:
                break
            self._flying.add(delivery)
            self._spawn(self._deliver(delivery))
        if self._retries.wants_look(now):
            self._spawn(self._retries.look())
        self._arm(now)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        try:
            self._tasks.create_task(work)
        except RuntimeError:  # the group is about to end: _serve puts back what was in flight
            work.close()

    def _next(self, now: float) -> Delivery | None:
        again = self._attempts.take(now)
        if again is not None:
            return again
        if len(self._flying) + len(self._attempts.waiting) >= self._config.concurrency:
            return None
        parked = self._retries.take()
        if parked is not None:
            return parked
        config = self._config
        if self._feed.ready(config.batch_items, config.batch_bytes, config.batch_age, now):
            items = self._feed.take(config.batch_items, config.batch_bytes, now)
            return Delivery(items, time.time_ns())
        return None

    def _arm(self, now: float) -> None:
        """One timer, for whatever comes first: a retry, the breaker, a batch's age."""
        times = [self._retries.due]
        if self._attempts.waiting:
            times.append(self._attempts.waiting[0].due)
        age = self._feed.ready_at(self._config.batch_age)
        if age is not None:
            times.append(age)
        opens = self._attempts.breaker.opens_at()
        later = [max(t, opens) for t in times if max(t, opens) > now]
        at = min(later, default=0.0)
        if self._timer is not None:
            if at == self._timer_at:
                return
            self._timer.cancel()
            self._timer = None
        if at:
            self._timer, self._timer_at = self._loop.call_at(at, self._on_time), at

    def _on_time(self) -> None:
        self._timer = None
        self.pump()

    async def _deliver(self, delivery: Delivery) -> None:
        assert self._sink is not None
        error = await self._attempts.send(self._sink, delivery.items)
        self._flying.discard(delivery)
        self._attempts.judge(delivery, error)
        self.pump()

    def _state(self) -> str:
        if self._stopping:
            return "stopped"
        if self._sink is None:
            return "opening"
        return "paused" if self._attempts.breaker.is_open else "running"

    def _oldest_ns(self) -> int | None:
        times = [d.items[0].received_ns for d in (*self._flying, *self._attempts.waiting)]
        times += [t for t in (self._feed.oldest_ns, self._retries.oldest_ns) if t is not None]
        return min(times, default=None)
