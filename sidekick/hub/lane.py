"""A lane delivers to one sink: the only place that batches, waits, retries and gives up.

A delivery holds one of the lane's slots until it is settled. When it fails it waits in its slot
and is tried again; when the sink works but this delivery keeps failing, its alerts are parked in
the ``retry`` table, so that they hold up nobody. What is in flight or waits in a slot is stored
as ``open`` ranges: after a crash it is offered again, and nothing else is.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from sidekick import metrics
from sidekick.errors import DeliveryError, PartlyDelivered, Rejected, Retryable
from sidekick.hub.archive import Archive
from sidekick.hub.breaker import Breaker
from sidekick.hub.feed import Feed
from sidekick.hub.spool import Statement
from sidekick.hub.view import LaneStatus
from sidekick.hub.writer import Writer
from sidekick.model import Envelope
from sidekick.sinks import Sink, SinkConfig

log = logging.getLogger(__name__)

_PARK_AFTER = 3
_LONGEST_HOLD_SECS = 3600.0
_RETRIES_AT_ONCE = 500
_OPEN_AGAIN_SECS = 30.0


class Delivery:
    """Alerts that go to the sink together; ``parked`` ones have rows in ``retry``."""

    __slots__ = ("attempts", "due", "items", "parked", "since_ns")

    def __init__(
        self, items: list[Envelope], since_ns: int, attempts: int = 0, parked: bool = False
    ) -> None:
        self.items = items
        self.since_ns = since_ns
        self.attempts = attempts
        self.parked = parked
        self.due = 0.0

    def __lt__(self, other: Delivery) -> bool:
        return self.due < other.due


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
        self._feed = Feed(archive, self.bit, position, memory, head, self.pump)
        self._breaker = Breaker(lane.breaker_failures, lane.breaker_pause, lane.backoff_max)
        self._dead_limit = dead_limit
        self._loop = asyncio.get_running_loop()
        self._sink: Sink | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._flying: set[Delivery] = set()
        self._waiting: list[Delivery] = []
        self._parked: list[Delivery] = []
        self._parked_seqs: set[int] = set()
        self._retry_at = 0.0
        self._looking = False
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self.depth = 0
        self.delivered = 0
        self.retried = 0
        self.dead = 0
        self._last_error = ""
        self._count = metrics.delivered.labels(name)
        self._latency = metrics.latency_seconds.labels(name)
        self._send_time = metrics.send_seconds.labels(name)

    # -- what others ask ---------------------------------------------------------------------

    def status(self) -> LaneStatus:
        """How the lane is doing."""
        oldest = self._oldest_ns()
        age = max(0.0, (time.time_ns() - oldest) / 1e9) if oldest else 0.0
        return LaneStatus(
            name=self.name,
            type=self.sink_config.type,
            state=self._state(),
            depth=self.depth,
            oldest_age_secs=age,
            in_flight=len(self._flying),
            delivered=self.delivered,
            retried=self.retried,
            dead=self.dead,
            last_error=self._last_error,
        )

    @property
    def opened(self) -> bool:
        """Whether the sink was opened."""
        return self._sink is not None

    @property
    def idle(self) -> bool:
        """Nothing waits but what was parked for later."""
        return not (self._flying or self._waiting or self._recovering) and self._feed.caught_up

    def progress(self) -> tuple[int, str, int]:
        """(next, open, bit): what the log stores of this lane."""
        ranges = [(d.items[0].seq, d.items[-1].seq) for d in self._flying if not d.parked]
        ranges += [(d.items[0].seq, d.items[-1].seq) for d in self._waiting if not d.parked]
        ranges += self._recovering
        return self._feed.next_seq, json.dumps(sorted(ranges)), self.bit

    def push(self, envelope: Envelope) -> None:
        """Take a committed alert; ``pump`` follows once all of the commit are pushed."""
        self.depth += 1
        self._feed.push(envelope, self._loop.time())

    def retry_now(self, count: int) -> None:
        """So many rows were added to the lane's retries from outside."""
        self.depth += count
        self._retry_at = 0.0
        self.pump()

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
                    self._note(f"cannot open: {_sentence(error)}")
                    await asyncio.sleep(min(_OPEN_AGAIN_SECS, 0.5 * 2 ** min(failures, 6)))
        finally:
            self._stopping = True
            if self._timer is not None:
                self._timer.cancel()
            await self._feed.close()
            self._writer.also((), self)

    async def _serve(self) -> None:
        try:
            async with self._open_sink() as sink, asyncio.TaskGroup() as tasks:
                self._sink, self._tasks = sink, tasks
                self.pump()
                await asyncio.Event().wait()
        finally:
            self._sink = self._tasks = None
            for delivery in self._flying:
                heapq.heappush(self._waiting, delivery)
            self._flying.clear()

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
                heapq.heappush(self._waiting, Delivery(items, time.time_ns()))
            self._recovering[0] = (go_on, last)
            if go_on > last:
                del self._recovering[0]
        self._feed.refill()

    async def recount(self) -> None:
        """Count what waits: at the start, and after the log shed alerts."""
        before, head = self.depth, self._head()
        next_seq, text, bit = self.progress()
        waiting = await self._archive.run(
            partial(self._archive.pending, bit, next_seq, head, json.loads(text))
        )
        self.depth += waiting - before

    # -- the pump ----------------------------------------------------------------------------

    def pump(self) -> None:
        """Start what may start now, and arrange to be called when more may."""
        self._feed.refill()
        if self._sink is None or self._stopping:
            return
        now = self._loop.time()
        while self._breaker.allowed(now, len(self._flying)):
            delivery = self._next(now)
            if delivery is None:
                break
            self._flying.add(delivery)
            assert self._tasks is not None
            self._tasks.create_task(self._deliver(delivery))
        self._look_for_retries(now)
        self._arm(now)

    def _next(self, now: float) -> Delivery | None:
        if self._waiting and self._waiting[0].due <= now:
            return heapq.heappop(self._waiting)
        if len(self._flying) + len(self._waiting) >= self._config.concurrency:
            return None
        if self._parked:
            return self._parked.pop()
        config = self._config
        if self._feed.ready(config.batch_items, config.batch_bytes, config.batch_age, now):
            items = self._feed.take(config.batch_items, config.batch_bytes, now)
            return Delivery(items, time.time_ns())
        return None

    def _arm(self, now: float) -> None:
        """One timer, for whatever comes first: a retry, the breaker, a batch's age."""
        times = [self._retry_at]
        if self._waiting:
            times.append(self._waiting[0].due)
        age = self._feed.ready_at(self._config.batch_age)
        if age is not None:
            times.append(age)
        opens = self._breaker.opens_at()
        later = [max(t, opens) for t in times if max(t, opens) > now]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if later:
            self._timer = self._loop.call_at(min(later), self.pump)

    def _look_for_retries(self, now: float) -> None:
        if self._looking or self._parked or now < self._retry_at:
            return
        assert self._tasks is not None
        self._looking = True
        self._tasks.create_task(self._read_retries())

    async def _read_retries(self) -> None:
        """Fetch parked alerts that are due; a wait that a stepped clock stretched is cut short."""
        now_ns, longest = time.time_ns(), self._config.backoff_max
        try:
            busy = list(self._parked_seqs)  # taken first: what settles from here on is excluded,
            await self._writer.flush()  # and what settled before is no longer in the table
            due = await self._archive.run(
                lambda: self._archive.due_retries(self.bit, now_ns, busy, _RETRIES_AT_ONCE)
            )
            following = await self._archive.run(lambda: self._archive.next_retry_ns(self.bit))
        finally:
            self._looking = False
        for envelope, attempts, since_ns in due:
            self._parked_seqs.add(envelope.seq)
            self._park_in_memory(envelope, attempts, since_ns)
        wait = longest if following is None else max((following - now_ns) / 1e9, 0.2)
        if len(due) == _RETRIES_AT_ONCE:
            wait = 0.0
        self._retry_at = self._loop.time() + min(wait, longest)
        self.pump()

    def _park_in_memory(self, envelope: Envelope, attempts: int, since_ns: int) -> None:
        """Alerts that never failed go in batches; one that failed goes alone."""
        last = self._parked[-1] if self._parked else None
        if (
            last is not None
            and attempts == last.attempts == 0
            and len(last.items) < self._config.batch_items
            and sum(len(e.body) for e in last.items) < self._config.batch_bytes
        ):
            last.items.append(envelope)
            return
        self._parked.append(Delivery([envelope], since_ns, attempts, parked=True))

    # -- a delivery --------------------------------------------------------------------------

    async def _deliver(self, delivery: Delivery) -> None:
        error = await self._send(delivery.items)
        self._flying.discard(delivery)
        now = self._loop.time()
        if error is None:
            self._settled(delivery.items, delivery.parked)
            self._sink_works()
        elif isinstance(error, PartlyDelivered):
            self._partly(delivery, error, now)
        elif isinstance(error, Rejected):
            self._sink_works()
            self._rejected(delivery, str(error))
        else:
            assert isinstance(error, Retryable)
            self._failed(delivery, error, now)
        self.pump()

    async def _send(self, items: Sequence[Envelope]) -> DeliveryError | None:
        assert self._sink is not None
        began = self._loop.time()
        try:
            async with asyncio.timeout(self._config.timeout):
                await self._sink.send(items)
        except DeliveryError as error:
            return error
        except TimeoutError:
            return Retryable(f"no answer within {self._config.timeout:g} s")
        except Exception as error:
            metrics.faults.labels("sink").inc()
            log.exception("a sink failed in an unforeseen way", extra={"lane": self.name})
            return Retryable(_sentence(error))
        finally:
            self._send_time.observe(self._loop.time() - began)
        return None

    def _settled(self, items: Sequence[Envelope], parked: bool) -> None:
        self.delivered += len(items)
        self.depth -= len(items)
        self._count.inc(len(items))
        now_ns = time.time_ns()
        for envelope in items:
            self._latency.observe((now_ns - envelope.received_ns) / 1e9)
        self._unpark(items) if parked else self._writer.also((), self)

    def _unpark(self, items: Sequence[Envelope]) -> None:
        seqs = [e.seq for e in items]
        self._parked_seqs.difference_update(seqs)
        statement = (
            "DELETE FROM retry WHERE bit = ? AND seq IN (SELECT value FROM json_each(?))",
            (self.bit, json.dumps(seqs)),
        )
        self._writer.also([statement], self)

    def _sink_works(self) -> None:
        if self._breaker.succeeded():
            log.info("a sink works again", extra={"lane": self.name})
            for delivery in self._waiting:
                delivery.due = 0.0
        self._last_error = ""

    def _partly(self, delivery: Delivery, error: PartlyDelivered, now: float) -> None:
        later = {i: e for i, e in error.failed.items() if isinstance(e, Retryable)}
        if len(later) == len(delivery.items):
            afters = [e.after for e in later.values() if e.after is not None]
            whole = Retryable(str(later[0]), max(afters) if afters else None)
            self._failed(delivery, whole, now)
            return
        self._sink_works()
        failed = error.failed
        good = [e for i, e in enumerate(delivery.items) if i not in failed]
        self._settled(good, delivery.parked)
        for i, reason in failed.items():
            one = Delivery(
                [delivery.items[i]], delivery.since_ns, delivery.attempts, delivery.parked
            )
            if isinstance(reason, Rejected):
                self._bury(one, str(reason))
            else:
                self._park(one, reason, now)

    def _rejected(self, delivery: Delivery, reason: str) -> None:
        """A batch is halved until the alert that the receiver will not take is alone."""
        if len(delivery.items) == 1:
            self._bury(delivery, reason)
            return
        middle = len(delivery.items) // 2
        for items in (delivery.items[:middle], delivery.items[middle:]):
            half = Delivery(items, delivery.since_ns, delivery.attempts, delivery.parked)
            heapq.heappush(self._waiting, half)

    def _failed(self, delivery: Delivery, error: Retryable, now: float) -> None:
        self._note(str(error))
        if error.after is None:
            self._breaker.failed(now)
        else:
            self._breaker.hold(now, min(error.after, _LONGEST_HOLD_SECS))
        if self._is_hopeless(delivery, error):
            self._bury(delivery, str(error))
        elif delivery.parked or (
            delivery.attempts + 1 >= _PARK_AFTER
            and not self._breaker.is_open
            and error.after is None
        ):
            self._park(delivery, error, now)
        else:
            self._count_retry(delivery)
            delivery.attempts += 1
            delivery.due = now + self._wait_secs(delivery.attempts, error)
            heapq.heappush(self._waiting, delivery)

    def _is_hopeless(self, delivery: Delivery, error: Retryable) -> bool:
        tries, age = delivery.attempts + 1, (time.time_ns() - delivery.since_ns) / 1e9
        return (0 < self._config.attempts <= tries) or age > self._config.give_up_after

    def _wait_secs(self, attempts: int, error: Retryable) -> float:
        """Full jitter: between 0 and a bound that doubles (AWS architecture blog, 2015)."""
        if error.after is not None:
            return min(error.after, _LONGEST_HOLD_SECS)
        bound = min(self._config.backoff_max, self._config.backoff_first * 2 ** min(attempts, 30))
        return random.uniform(0, bound)

    def _park(self, delivery: Delivery, error: Retryable, now: float) -> None:
        self._count_retry(delivery)
        attempts = delivery.attempts + 1
        wait = self._wait_secs(attempts, error)
        due_ns = time.time_ns() + int(wait * 1e9)
        self._parked_seqs.difference_update(e.seq for e in delivery.items)
        self._writer.also(
            [
                (
                    "INSERT OR REPLACE INTO retry VALUES (?, ?, ?, ?, ?, ?)",
                    (self.bit, e.seq, due_ns, delivery.since_ns, attempts, str(error)[:500]),
                )
                for e in delivery.items
            ],
            self,
        )
        self._retry_at = min(self._retry_at, now + wait) if self._retry_at > now else now + wait

    def _bury(self, delivery: Delivery, reason: str) -> None:
        died_ns, count = time.time_ns(), len(delivery.items)
        self._note(f"gave up: {reason}")
        self._writer.also(
            [
                _bury_statement(self.bit, e, died_ns, delivery.attempts + 1, reason)
                for e in delivery.items
            ]
            + [self._trim_statement()],
            self,
        )
        if delivery.parked:
            self._unpark(delivery.items)
        self.depth -= count
        self.dead += count
        metrics.dead.labels(self.name).inc(count)

    def _trim_statement(self) -> Statement:
        return (
            "DELETE FROM dead WHERE bit = ?1 AND seq IN (SELECT seq FROM dead WHERE bit = ?1 "
            "ORDER BY died_ns DESC, seq DESC LIMIT -1 OFFSET ?2)",
            (self.bit, self._dead_limit),
        )

    # -- small things ------------------------------------------------------------------------

    def _count_retry(self, delivery: Delivery) -> None:
        self.retried += len(delivery.items)
        metrics.retried.labels(self.name).inc(len(delivery.items))

    def _note(self, error: str) -> None:
        if error != self._last_error:
            log.warning("delivery failed", extra={"lane": self.name, "error": error})
        self._last_error = error

    def _state(self) -> str:
        if self._stopping:
            return "stopped"
        if self._sink is None:
            return "opening"
        return "paused" if self._breaker.is_open else "running"

    def _oldest_ns(self) -> int | None:
        times = [d.items[0].received_ns for d in (*self._flying, *self._waiting)]
        if self._feed.oldest_ns is not None:
            times.append(self._feed.oldest_ns)
        return min(times, default=None)


def _bury_statement(bit: int, e: Envelope, died_ns: int, attempts: int, reason: str) -> Statement:
    return (
        "INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            bit,
            e.seq,
            died_ns,
            attempts,
            reason[:500],
            e.received_ns,
            e.time_ns,
            int(e.priority),
            e.fingerprint,
            e.body,
        ),
    )


def _sentence(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _sentence(error.exceptions[0])
    return (
        f"{type(error).__name__}: {error}" if not isinstance(error, DeliveryError) else str(error)
    )
