"""Takes alerts from the stream and gets them to the hub; on disk while that is away."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from sidekick.heartbeat import Heartbeat
from sidekick.model import Alert
from sidekick.rules.line import json_line
from sidekick.sensor.hub_client import HubAway
from sidekick.sensor.outbox import Outbox

log = logging.getLogger(__name__)

_BATCH_ALERTS = 500
_BATCH_BYTES = 1024 * 1024
_OWN_ALERTS = 1000
_PATIENCE_SECS = 0.25  # a hub that answers has taken half of what waits in less
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
    """Two threads: one sends; one brings to disk what comes while the hub lets the other wait.

    ``put`` never waits. An alert is in memory until the hub has it or the disk; what neither takes
    stays there, and what has no room there is counted in ``dropped``.
    """

    def __init__(self, hub: Hub, outbox: Outbox, queue: int = 20_000) -> None:
        """``queue``: so many alerts wait in memory at most."""
        self._hub = hub
        self._outbox = outbox
        self._queue = queue
        self._waiting: deque[Alert] = deque()
        self._own: deque[Alert] = deque(maxlen=_OWN_ALERTS)
        self._sending: Sequence[bytes] = ()
        self._beat: Heartbeat | None = None
        self._lock = threading.Lock()  # of what waits
        self._disk = threading.Lock()  # of the outbox
        self._something, self._crowded = threading.Event(), threading.Event()
        self._ending = threading.Event()
        self._pause = _FIRST_PAUSE
        self._away = self._disk_fails = False
        self._threads = [
            threading.Thread(target=self._send_all, name="sender", daemon=True),
            threading.Thread(target=self._keep_all, name="keeper", daemon=True),
        ]
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
        for thread in self._threads:
            thread.start()

    def tell(self, alert: Alert) -> None:
        """Take one of the sensor's own: it may be about those that are lost, and does not share
        their fate. It waits in memory, whatever the disk and the others do."""
        self._own.append(alert)
        self._something.set()

    def put(self, alerts: Sequence[Alert]) -> None:
        """Take alerts."""
        room = self._queue - len(self._waiting)
        if room < len(alerts):
            self._dropped += len(alerts) - max(room, 0)
            alerts = alerts[: max(room, 0)]
        self._waiting.extend(alerts)
        self._something.set()
        if len(self._waiting) > self._queue // 2:
            self._crowded.set()

    def beat(self, beat: Heartbeat) -> None:
        """Tell the hub that the sensor watches; one that cannot be told now is not told later."""
        self._beat = beat
        self._something.set()

    def stop(self, seconds: float) -> None:
        """Send or write down what is left, within a time."""
        self._ending.set()
        self._something.set()
        self._crowded.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(seconds)
        self._write_down()
        self._outbox.close()

    # -- sending -----------------------------------------------------------------------------

    def _send_all(self) -> None:
        while not self._ending.is_set() or self._waiting or self._own:
            self._something.wait()
            self._something.clear()
            self._send_beat()
            self._send_own()
            all_kept = self._deliver_all()
            if self._ending.is_set():
                if self._away or not all_kept:
                    return  # what is left is written down
                continue
            if self._outbox:
                self._flush()
            elif self._own or not all_kept:
                self._rest()
            if self._outbox or self._own or not all_kept:
                self._something.set()

    def _send_beat(self) -> None:
        beat, self._beat = self._beat, None
        if beat is not None and not self._ending.is_set():
            self._try(partial(self._hub.beat, beat))

    def _send_own(self) -> None:
        own = list(self._own)
        text = b"".join(json_line(alert) + b"\n" for alert in own)
        if own and self._try(partial(self._hub.send, text)):
            self.sent += len(own)
            for _ in own:
                self._own.popleft()

    def _deliver_all(self) -> bool:
        """Straight to the hub; behind those that wait on disk, if some do. False: to neither."""
        while batch := self._take():
            alerts, self._sending = batch
            if not self._away:
                self._send_own()  # what was told before these
            text = b"".join(line + b"\n" for line in self._sending)
            if not self._outbox and self._try(partial(self._hub.send, text)):
                self.sent += len(alerts)
            elif not self._keep(self._sending):
                self._sending = ()
                self._put_back(alerts)
                return False
            self._sending = ()
        return True

    def _flush(self) -> None:
        """Bring what waits on disk to the hub, as far as it takes it."""
        while not self._ending.is_set() and (found := self._oldest()):
            path, content = found
            if self._try(partial(self._hub.send, content)):
                with self._disk:
                    self._outbox.remove(path)
                self.sent += content.count(b"\n")
                continue
            self._rest()
            if self._waiting:
                break

    def _rest(self) -> None:
        self._ending.wait(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

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

    # -- what waits in memory ----------------------------------------------------------------

    def _take(self) -> tuple[list[Alert], list[bytes]] | None:
        """The next alerts and their lines; None if there are none."""
        with self._lock:
            count = min(len(self._waiting), _BATCH_ALERTS)
            alerts = [self._waiting.popleft() for _ in range(count)]
        lines: list[bytes] = []
        size = 0
        for alert in alerts:
            if size >= _BATCH_BYTES:
                self._put_back(alerts[len(lines) :])
                break
            lines.append(json_line(alert))
            size += len(lines[-1])
        return (alerts[: len(lines)], lines) if lines else None

    def _put_back(self, alerts: Sequence[Alert]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(alerts))

    # -- what waits on disk ------------------------------------------------------------------

    def _keep_all(self) -> None:
        """While the sender waits for an answer nobody else would make room."""
        while not self._ending.is_set():
            self._crowded.wait()
            self._crowded.clear()
            self._ending.wait(_PATIENCE_SECS)
            while len(self._waiting) > self._queue // 2 and (batch := self._take()):
                if not self._keep(batch[1]):
                    self._put_back(batch[0])
                    self._ending.wait(_LONGEST_PAUSE)
                    break

    def _keep(self, lines: Sequence[bytes]) -> bool:
        try:
            with self._disk:
                self._outbox.append(lines)
        except OSError as error:
            if not self._disk_fails:
                about = {"error": str(error)}
                log.error("the disk takes no alerts; they wait in memory", extra=about)
            self._disk_fails = True
            return False
        self._disk_fails = False
        return True

    def _oldest(self) -> tuple[Path, bytes] | None:
        with self._disk:
            return self._outbox.oldest()

    def _write_down(self) -> None:
        """At the end: also what is with a hub that has not answered, which may then come twice."""
        rest = [*map(json_line, self._own), *self._sending]
        while batch := self._take():
            rest += batch[1]
        if rest and not self._keep(rest):
            self._dropped += len(rest)
            log.error("alerts are lost: neither hub nor disk took them", extra={"lost": len(rest)})
