"""The sensor's own process: composed from the configuration, driven by signals."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import disable_created_metrics

from sidekick import logs, metrics
from sidekick.rule_engine import build_engine
from sidekick.rule_files import rule_paths
from sidekick.rules.engine import Engine
from sidekick.sensor.hub_client import HubClient
from sidekick.sensor.outbox import Outbox
from sidekick.sensor.sender import Sender
from sidekick.sensor.sensor import Sensor
from sidekick.sensor.status import Status, encode
from sidekick.sensor.supervisor import SILENT_SECS, SOCKET, StatusMetrics
from sidekick.sensor.watchdog import Watchdog
from sidekick.settings import Settings, load
from sidekick.web.pages import serving_pages

log = logging.getLogger(__name__)

_OUTBOX = "outbox"
_STOP_SECS = 3.0
_LOOK_SECS = 2.0


@dataclass(frozen=True, slots=True)
class SensorOptions:
    """What the command line says. ``target`` "" is the hub of the same state directory.

    ``supervised``: a status a second goes to standard output, and it ends with standard input.
    """

    config: Path | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[Path] = ()
    target: str = ""
    ca: Path | None = None
    supervised: bool = False
    excluded: Sequence[int] = ()


class SensorProcess:
    """One sensor until it is told to stop."""

    def __init__(self, options: SensorOptions, environ: Mapping[str, str]) -> None:
        """Raises ConfigError."""
        self._options = options
        self._environ = environ
        self.settings = self._settings()
        token = self.settings.sensor.token
        target = options.target or f"unix:{self.settings.state_dir / SOCKET}"
        self._count = StatusMetrics()
        self._watchdog = Watchdog(SILENT_SECS)
        self._client = HubClient(target, token.get_secret_value() if token else "", options.ca)

    def run(self) -> None:
        """Watch; raises SensorUnavailable, ConfigError, Exit, OSError."""
        logs.set_up(self.settings.logging)
        config = self.settings.sensor
        outbox = Outbox(self.settings.state_dir / _OUTBOX, config.outbox)
        sender = Sender(self._client, outbox, config.queue)
        sensor = Sensor(config, self._engine, sender, self._tell, self._options.excluded)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sensor.stop())
        signal.signal(signal.SIGHUP, lambda *_: sensor.reload())
        with ExitStack() as stack:
            stack.callback(sender.stop, _STOP_SECS)
            sensor.run(attached=lambda: self._attached(sensor, sender, stack))

    def _settings(self) -> Settings:
        return load(self._options.config, self._environ, self._options.overrides)

    def _engine(self) -> Engine:
        self.settings = self._settings()
        return build_engine(self.settings.rules, self._options.rules, self.settings.sensor.node)

    def _attached(self, sensor: Sensor, sender: Sender, stack: ExitStack) -> None:
        """Start what goes on beside it, in threads that have no more rights than it has now."""
        done = threading.Event()
        stack.callback(done.set)
        _thread(self._look, sensor, done)
        if self._options.supervised:
            _thread(_until_input_ends, sensor)
        else:
            self._watchdog.moved()
            _thread(self._guard, sender, done)
            self._show(stack)
        log.info("the sensor watches", extra={"to": self._client.target})

    def _show(self, stack: ExitStack) -> None:
        """Its metrics, and where they are asked for."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        metrics.sensor_starts.inc()
        metrics.sensor_up.set(1)
        if (listen := self.settings.sensor.listen) is not None:
            port = stack.enter_context(serving_pages(listen, self._watchdog.problems))
            log.info("metrics and probes", extra={"address": listen.address, "port": port})

    def _tell(self, status: Status) -> None:
        """Once a second: to whoever started it, else to its own metrics."""
        self._watchdog.moved()
        if self._options.supervised:
            sys.stdout.buffer.write(encode(status) + b"\n")
            sys.stdout.buffer.flush()
        else:
            self._count(status)

    def _guard(self, sender: Sender, done: threading.Event) -> None:
        """End when there is nothing to hope for: whoever started it starts it again."""
        while not done.wait(_LOOK_SECS):
            if self._watchdog.hangs():
                log.error("the sensor does not move; it ends, to be started again")
                sender.stop(_STOP_SECS)
                os._exit(1)

    def _look(self, sensor: Sensor, done: threading.Event) -> None:
        """Reload when the configuration or a rule file is another one."""
        before = self._stamps()
        while not done.wait(_LOOK_SECS):
            if (now := self._stamps()) != before:
                before = now
                sensor.reload()

    def _stamps(self) -> list[tuple[str, int, int, int]]:
        found = []
        with contextlib.suppress(OSError):
            own = (self._options.config,) if self._options.config else ()
            for file in (*own, *rule_paths(self.settings.rules, self._options.rules)):
                about = file.stat()
                found.append((str(file), about.st_ino, about.st_mtime_ns, about.st_size))
        return found


def _thread(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


def _until_input_ends(sensor: Sensor) -> None:
    while os.read(0, 64):
        pass
    sensor.stop()
