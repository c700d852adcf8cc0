"""One try to deliver, and what follows from its result: settled, again, parked or given up.

When a delivery fails it waits and is tried again; when the sink works but this delivery keeps
failing, its alerts are parked in the ``retry`` table, so that they hold up nobody.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import time
from collections.abc import Sequence

from sidekick import metrics
from sidekick.errors import DeliveryError, PartlyDelivered, Rejected, Retryable
from sidekick.hub.breaker import Breaker
from sidekick.hub.deadlines import Deadlines
from sidekick.hub.delivery import Delivery, bury
from sidekick.hub.retries import Retries
from sidekick.hub.tally import Tally
from sidekick.hub.writer import Progress, Writer
from sidekick.model import Envelope
from sidekick.sinks import LaneConfig, Sink

log = logging.getLogger(__name__)

_PARK_AFTER = 3
_LONGEST_HOLD_SECS = 3600.0


class Attempts:
    """The tries of one lane; ``waiting`` is a heap of deliveries, the first due on top.

    Times are the event loop's.
    """

    def __init__(
        self,
        lane: Progress,
        name: str,
        config: LaneConfig,
        writer: Writer,
        retries: Retries,
        tally: Tally,
    ) -> None:
        self._lane = lane
        self._name = name
        self._config = config
        self._writer = writer
        self._retries = retries
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self.breaker = Breaker(config.breaker_failures, config.breaker_pause, config.backoff_max)
        self.waiting: list[Delivery] = []
        self._deadlines = Deadlines(config.timeout)

    def wait(self, delivery: Delivery) -> None:
        """Let a delivery wait until it is due."""
        heapq.heappush(self.waiting, delivery)

    def take(self, now: float) -> Delivery | None:
        """The first that waits, if it is due."""
        if self.waiting and self.waiting[0].due <= now:
            return heapq.heappop(self.waiting)
        return None

    async def send(self, sink: Sink, items: Sequence[Envelope]) -> DeliveryError | None:
        """Try once; what went wrong is the result."""
        began = self._loop.time()
        task = self._deadlines.begin(began)
        error: BaseException | None = None
        try:
            await sink.send(items)
        except BaseException as raised:
            error = raised
        self._tally.send_time.observe(self._loop.time() - began)
        if self._deadlines.end(task, error):
            return Retryable(f"no answer within {self._config.timeout:g} s")
        return None if error is None else self._told(error)

    def _told(self, error: BaseException) -> DeliveryError:
        if isinstance(error, DeliveryError):
            return error
        if not isinstance(error, Exception):
            raise error
        if isinstance(error, TimeoutError):
            return Retryable("no answer in time")
        metrics.faults.labels("sink").inc()
        log.error("a sink failed in an unforeseen way", extra={"lane": self._name}, exc_info=error)
        return Retryable(sentence(error))

    def judge(self, delivery: Delivery, error: DeliveryError | None) -> None:
        """Draw the consequences of a try."""
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

    def _settled(self, items: Sequence[Envelope], parked: bool) -> None:
        self._tally.count_delivered(items)
        if parked:
            self._retries.settle(items)
        else:
            self._writer.also((), self._lane)

    def _sink_works(self) -> None:
        if self.breaker.succeeded():
            log.info("a sink works again", extra={"lane": self._name})
            for delivery in self.waiting:
                delivery.due = 0.0
        self._tally.last_error = ""

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
            self.wait(half)

    def _failed(self, delivery: Delivery, error: Retryable, now: float) -> None:
        self._tally.note(str(error))
        if error.after is None:
            self.breaker.failed(now)
        else:
            self.breaker.hold(now, min(error.after, _LONGEST_HOLD_SECS))
        if self._is_hopeless(delivery):
            self._bury(delivery, str(error))
        elif delivery.parked or (
            delivery.attempts + 1 >= _PARK_AFTER
            and not self.breaker.is_open
            and error.after is None
        ):
            self._park(delivery, error, now)
        else:
            self._tally.count_retried(len(delivery.items))
            delivery.attempts += 1
            delivery.due = now + wait_secs(self._config, delivery.attempts, error)
            self.wait(delivery)

    def _is_hopeless(self, delivery: Delivery) -> bool:
        tries, age = delivery.attempts + 1, (time.time_ns() - delivery.since_ns) / 1e9
        return (0 < self._config.attempts <= tries) or age > self._config.give_up_after

    def _park(self, delivery: Delivery, error: Retryable, now: float) -> None:
        self._tally.count_retried(len(delivery.items))
        delivery.attempts += 1
        wait = wait_secs(self._config, delivery.attempts, error)
        self._retries.park(delivery, now, wait, str(error))

    def _bury(self, delivery: Delivery, reason: str) -> None:
        self._tally.note(f"gave up: {reason}")
        delivery.attempts += 1
        statements = bury(self._lane.bit, delivery, time.time_ns(), reason)
        self._writer.also(statements, self._lane)
        if delivery.parked:
            self._retries.settle(delivery.items)
        self._tally.count_dead(len(delivery.items))


def wait_secs(config: LaneConfig, attempts: int, error: Retryable) -> float:
    """How long to wait after so many tries: what the receiver wishes, or full jitter.

    That is between 0 and a bound that doubles (AWS architecture blog, 2015).
    """
    if error.after is not None:
        return min(error.after, _LONGEST_HOLD_SECS)
    bound = min(config.backoff_max, config.backoff_first * 2 ** min(attempts, 30))
    return random.uniform(0, bound)


def sentence(error: BaseException) -> str:
    """An error in words; of a group, the first."""
    if isinstance(error, BaseExceptionGroup):
        return sentence(error.exceptions[0])
    return str(error) if isinstance(error, DeliveryError) else f"{type(error).__name__}: {error}"
