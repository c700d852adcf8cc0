"""Starts the sensor's process, hears how it fares, starts it again when it fails.

The process tells a status a second on its standard output. It ends when its standard input does, so
it outlives nobody who started it, not even one that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence

import msgspec

from sidekick import metrics
from sidekick.errors import ConfigError
from sidekick.sensor.status import Status, decode

log = logging.getLogger(__name__)

SOCKET = "sensor.sock"
"""Where a hub takes the alerts of its machine's sensor, in its state directory."""

UNAVAILABLE = 3
"""The exit code of a sensor that this machine does not allow: it is not started again."""

MISCONFIGURED = 4
"""The exit code of a sensor whose rules or settings have faults; it has told them."""

SILENT_SECS = 20.0
"""A sensor that tells nothing for so long does not move any more."""
_STOP_SECS = 5.0
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_STEADY_SECS = 60.0


class Supervisor:
    """Runs ``command`` until it is cancelled."""

    def __init__(
        self,
        command: Sequence[str],
        on_status: Callable[[Status], None],
        *,
        silent_secs: float = SILENT_SECS,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._command = command
        self._on_status = on_status
        self._silent_secs = silent_secs
        self._first_pause = first_pause
        self._process: asyncio.subprocess.Process | None = None
        self._heard = False

    def reload(self) -> None:
        """Let it read its configuration again."""
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGHUP)

    async def run(self) -> None:
        """Returns if the sensor is not possible here.

        Raises ConfigError if it cannot even start with its configuration. One that did start goes
        on being started: whoever spoilt a file meanwhile may mend it.
        """
        loop = asyncio.get_running_loop()
        pause = self._first_pause
        while True:
            began = loop.time()
            code = await self._once()
            if code == UNAVAILABLE:
                log.warning("no sensor on this machine; the hub runs without it")
                return
            if code == MISCONFIGURED and not self._heard:
                raise ConfigError(["the sensor does not start: mend the faults named above"])
            if loop.time() - began > _STEADY_SECS:
                pause = self._first_pause
            about = {"code": code, "again_in_secs": pause}
            log.error("the sensor ended; it is started again", extra=about)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _once(self) -> int:
        metrics.sensor_starts.inc()
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            await self._hear(process)
            return await process.wait()
        finally:
            metrics.sensor_up.set(0)
            await _end(process)

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """Until it falls silent or ends."""
        assert process.stdout is not None
        while True:
            try:
                async with asyncio.timeout(self._silent_secs):
                    line = await process.stdout.readline()
            except TimeoutError:
                log.error("the sensor does not move; it is killed")
                process.kill()
                return
            if not line:
                return
            self._heard = True
            metrics.sensor_up.set(1)
            with contextlib.suppress(msgspec.DecodeError):
                self._on_status(decode(line))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


class StatusMetrics:
    """Brings statuses into the metrics. A sensor that starts again counts from zero."""

    def __init__(self) -> None:
        self._before = Status()

    def __call__(self, status: Status) -> None:
        """Take the next status."""
        before = self._before if status.events >= self._before.events else Status()
        self._before = status
        for reason, count in status.drops.items():
            metrics.sensor_drops.labels(reason).inc(count)
        for type_, count in status.records.items():
            metrics.sensor_records.labels(type_).inc(count)
        metrics.sensor_events.inc(status.events - before.events)
        metrics.sensor_alerts.inc(max(status.alerts - before.alerts, 0))
        metrics.sensor_repeats.inc(max(status.repeats - before.repeats, 0))
        metrics.sensor_missed.inc(max(status.missed - before.missed, 0))
        metrics.sensor_processes.set(status.processes)
        metrics.sensor_outbox.set(status.outbox_bytes)
