"""The sensor's own process: composed from the configuration, driven by signals."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidekick import logs
from sidekick.rule_engine import build_engine
from sidekick.rule_files import rule_paths
from sidekick.rules.engine import Engine
from sidekick.sensor.hub_client import HubClient
from sidekick.sensor.outbox import Outbox
from sidekick.sensor.sender import Sender
from sidekick.sensor.sensor import Sensor
from sidekick.sensor.status import Status, encode
from sidekick.sensor.supervisor import SOCKET
from sidekick.settings import Settings, load

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
        self._client = HubClient(target, token.get_secret_value() if token else "", options.ca)

    def run(self) -> None:
        """Watch; raises SensorUnavailable, ConfigError, Exit, OSError."""
        logs.set_up(self.settings.logging)
        config = self.settings.sensor
        sender = Sender(self._client, Outbox(self.settings.state_dir / _OUTBOX, config.outbox))
        tell = _tell_supervisor if self._options.supervised else _tell_nobody
        sensor = Sensor(config, self._engine, sender, tell, self._options.excluded)
        with self._driven(sensor):
            try:
                sensor.run(attached=self._attached)
            finally:
                sender.stop(_STOP_SECS)

    def _settings(self) -> Settings:
        return load(self._options.config, self._environ, self._options.overrides)

    def _engine(self) -> Engine:
        self.settings = self._settings()
        return build_engine(self.settings.rules, self._options.rules)

    def _attached(self) -> None:
        log.info("the sensor watches", extra={"to": self._client.target})

    @contextlib.contextmanager
    def _driven(self, sensor: Sensor) -> Iterator[None]:
        """Signals, the end of standard input and changed rule files drive it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sensor.stop())
        signal.signal(signal.SIGHUP, lambda *_: sensor.reload())
        done = threading.Event()
        if self._options.supervised:
            threading.Thread(target=_until_input_ends, args=(sensor,), daemon=True).start()
        threading.Thread(target=self._look, args=(sensor, done), daemon=True).start()
        try:
            yield
        finally:
            done.set()

    def _look(self, sensor: Sensor, done: threading.Event) -> None:
        """Reload when a rule file is another one."""
        before = self._stamps()
        while not done.wait(_LOOK_SECS):
            if (now := self._stamps()) != before:
                before = now
                sensor.reload()

    def _stamps(self) -> list[tuple[str, int, int, int]]:
        found = []
        with contextlib.suppress(OSError):
            for file in rule_paths(self.settings.rules, self._options.rules):
                about = file.stat()
                found.append((str(file), about.st_ino, about.st_mtime_ns, about.st_size))
        return found


def _until_input_ends(sensor: Sensor) -> None:
    while os.read(0, 64):
        pass
    sensor.stop()


def _tell_supervisor(status: Status) -> None:
    sys.stdout.buffer.write(encode(status) + b"\n")
    sys.stdout.buffer.flush()


def _tell_nobody(status: Status) -> None:
    pass
