"""Takes alerts from the stream and gets them to the hub; on disk while that is away."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from sidekick.heartbeat import Heartbeat
from sidekick.model import Alert
from sidekick.rules.line import json_line
from sidekick.sensor.hub_client import HubAway
from sidekick.sensor.outbox import Outbox

log = logging.getLogger(__name__)

_BATCH_ALERTS = 500
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0


class Hub(Protocol):
    """Where alerts go."""

    def send(self, lines: bytes) -> None:
        """All are with the hub, durably; raises HubAway."""
        ...

    def beat(self, beat: Heartbeat) -> None:
        """The hub knows that we are there; raises HubAway."""
        ...


class Sender:
    """A thread of its own. ``put`` never waits; what nobody can keep is counted in ``dropped``."""

    def __init__(self, hub: Hub, outbox: Outbox, queue: int = 20_000) -> None:
        """``queue``: so many alerts wait in memory at most."""
        self._hub = hub
        self._outbox = outbox
        self._queue = queue
        self._waiting: deque[Alert] = deque()
        self._beat: Heartbeat | None = None
        self._something = threading.Event()
        self._ending = threading.Event()
        self._pause = _FIRST_PAUSE
        self._away = False
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._dropped = 0
        self.sent = 0

    @property
    def dropped(self) -> int:
        """Alerts that are lost."""
        return self._dropped + self._outbox.dropped

    @property
    def waiting_bytes(self) -> int:
        """What is on disk for the hub."""
        return self._outbox.size

    def start(self) -> None:
        """From now on alerts are sent, those first that waited on disk."""
        self._something.set()
        self._thread.start()

    def tell(self, alert: Alert) -> None:
        """Take one of the sensor's own, however many wait: it may be about them."""
        self._waiting.append(alert)
        self._something.set()

    def put(self, alerts: Sequence[Alert]) -> None:
        """Take alerts."""
        room = self._queue - len(self._waiting)
        if room < len(alerts):
            self._dropped += len(alerts) - max(room, 0)
            alerts = alerts[: max(room, 0)]
        self._waiting.extend(alerts)
        self._something.set()

    def beat(self, beat: Heartbeat) -> None:
        """Tell the hub that the sensor watches; one that cannot be told now is not told later."""
        self._beat = beat
        self._something.set()

    def stop(self, seconds: float) -> None:
        """Send or write down what is left, within a time."""
        self._ending.set()
        self._something.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while not (self._ending.is_set() and not self._waiting):
            self._something.wait()
            self._something.clear()
            self._send_beat()
            while lines := self._take():
                self._deliver(lines)
            if self._outbox and not self._ending.is_set():
                self._flush()

    def _send_beat(self) -> None:
        beat, self._beat = self._beat, None
        if beat is not None and not self._ending.is_set():
            self._try(partial(self._hub.beat, beat))

    def _take(self) -> list[bytes]:
        count = min(len(self._waiting), _BATCH_ALERTS)
        return [json_line(self._waiting.popleft()) for _ in range(count)]

    def _deliver(self, lines: list[bytes]) -> None:
        """Straight to the hub; behind those that wait on disk, if some do."""
        text = b"".join(line + b"\n" for line in lines)
        if not self._outbox and self._try(partial(self._hub.send, text)):
            self.sent += len(lines)
            return
        try:
            self._outbox.append(lines)
        except OSError as error:
            self._dropped += len(lines)
            log.error("cannot keep alerts for the hub", extra={"error": str(error)})

    def _flush(self) -> None:
        """Bring what waits on disk to the hub, as far as it takes it."""
        while not self._ending.is_set() and (found := self._outbox.oldest()):
            path, content = found
            if self._try(partial(self._hub.send, content)):
                self._outbox.remove(path)
                self.sent += content.count(b"\n")
                continue
            self._ending.wait(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            if self._waiting:
                break
        if self._outbox:
            self._something.set()

    def _try(self, send: Callable[[], None]) -> bool:
        try:
            send()
        except HubAway as error:
            if not self._away:
                log.warning("the hub is away; alerts wait on disk", extra={"why": str(error)})
            self._away = True
            return False
        if self._away:
            log.info("the hub is back")
        self._away = False
        self._pause = _FIRST_PAUSE
        return True
