"""The composition root: builds the parts of the hub from the settings, runs and reloads them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from prometheus_client import disable_created_metrics

from sidekick import logs, metrics
from sidekick.allocator import give_back, use_one_arena
from sidekick.errors import ConfigError
from sidekick.hub.event_counts import EventCounts
from sidekick.hub.exposed import Exposed
from sidekick.hub.hub import Hub
from sidekick.hub.record import record_of
from sidekick.hub.spool import LogError
from sidekick.listener.tls import Certificates, renewed
from sidekick.pipeline.process import Explanation, PipelineConfig, Process
from sidekick.rule_engine import build_engine
from sidekick.rule_files import rule_paths
from sidekick.rules.compile import compile_condition
from sidekick.rules.engine import Engine
from sidekick.sensor.supervisor import SOCKET, StatusMetrics, Supervisor
from sidekick.settings import Settings, Watcher, changed_sections, load, needs_restart
from sidekick.settings.check import certificate_faults, make_process
from sidekick.sinks import SinkConfig
from sidekick.sources import source_module
from sidekick.sources._forever import forever
from sidekick.sources.falco import decode
from sidekick.web.asgi import first_call, serve_asgi
from sidekick.web.health import exposition
from sidekick.web.ingest import serve
from sidekick.web.listen import ListenConfig
from sidekick.web.places import admin_listener, cannot_listen, url

log = logging.getLogger(__name__)

_LOOK_SECS = 2.0
_SENSOR_BODY = 16 * 1024**2
_PIPELINE = tuple(PipelineConfig.model_fields)


class App:
    """One hub as configured; ``path``, ``environ`` and ``overrides`` are read again on reload."""

    def __init__(
        self,
        path: Path | None,
        environ: Mapping[str, str],
        overrides: Mapping[str, Any],
        sensor: Sequence[str] = (),
        banner_to: TextIO | None = None,
    ) -> None:
        """``sensor`` is the command that starts this machine's sensor; none: a hub alone."""
        self._banner_to = banner_to
        self._sensor = Supervisor(sensor, StatusMetrics()) if sensor else None
        self._path = path
        self._environ = environ
        self._overrides = overrides
        self._watcher = Watcher()
        self.settings = self._started_with = self._load()
        self._engine = _engine_for(self.settings)
        self._has_changed()
        self._stop = asyncio.Event()
        self._signals = 0
        self._lost: LogError | None = None
        self._started_ns = time.time_ns()
        self._sources: dict[str, asyncio.Task[None]] = {}
        self._reloading = asyncio.Lock()
        self._reloads: set[asyncio.Task[None]] = set()
        self.hub: Hub

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; raises ``ConfigError``, ``LogError``, ``OSError``."""
        use_one_arena()
        gc.disable()  # until _freeze: loading goes a quarter faster
        settings = self.settings
        if faults := certificate_faults(settings):
            raise ConfigError(faults)
        logs.set_up(settings.logging)
        disable_created_metrics()  # type: ignore[no-untyped-call]  # twice the series, for times that nobody asks for
        for warning in settings.warnings:
            log.warning(warning)
        self._events = EventCounts(settings.metrics)
        self.hub = Hub(settings.state_dir, settings.log, make_process(settings), self._events)
        try:
            await self.hub.start(settings.sinks)
            async with self._listening():
                self._handle_signals()
                self._start_sources()
                _freeze()
                async with self._background(), self._watching():
                    await self._stop.wait()
                    log.info("stopping")
                    self.hub.desk.end_live_views()
                await self._stop_sources(list(self._sources))
            await self.hub.drain(self.settings.shutdown.drain)
            log.info("stopped", extra={"waiting": _waiting(self.hub)})
            if self._lost is not None:
                raise self._lost
        finally:
            await self.hub.close()

    async def reload(self) -> None:
        """Read the configuration again and go over to it; ``ConfigError`` changes nothing."""
        async with self._reloading:
            settings = await asyncio.to_thread(self._load)
            process = make_process(settings)
            engine = await asyncio.to_thread(_engine_for, settings)
            changed = changed_sections(self.settings, settings)
            for sentence in (*settings.warnings, *needs_restart(self._started_with, settings)):
                log.warning(sentence)
            if changed & {*_PIPELINE, "sinks"}:
                await self.hub.reconfigure(process, settings.sinks)
            old, self.settings = self.settings, settings
            self._engine = engine or self._engine
            if "sources" in changed:
                await self._change_sources(old)
            if "logging" in changed:
                logs.set_up(settings.logging)
            if self._sensor is not None:
                self._sensor.reload()
            log.info("configuration reloaded", extra={"changed": ",".join(sorted(changed)) or "-"})

    def explain(self, body: bytes, now_ns: int) -> Explanation:
        """What the pipeline would do with an alert given as JSON, at that time."""
        process = self.hub.process
        assert isinstance(process, Process)
        return process.explain(decode(body), now_ns)

    def engine(self) -> Engine:
        """The rules in force, for sources that judge events."""
        assert self._engine is not None
        return self._engine

    def _load(self) -> Settings:
        settings = load(self._path, self._environ, self._overrides, self._watcher.files)
        self._watch_rules(settings)
        return settings

    def _watch_rules(self, settings: Settings) -> None:
        if _judges(settings):
            with contextlib.suppress(OSError):
                self._watcher.files.update(rule_paths(settings.rules))

    # -- listeners ---------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        listen = self.settings.listen
        serving = serve(
            listen,
            self.hub,
            ready=self.hub.problems,
            expose=exposition(metrics.REGISTRY, self._exposed().text),
            heard=self.hub.heard,
        )
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(serving)
            except OSError as error:
                raise ConfigError([cannot_listen(listen, error)]) from error
            self._tell_where()
            yield

    def _tell_where(self) -> None:
        """Print the banner; that nobody reads it, or that a disk is full, stops nothing."""
        stream = self._banner_to or _banner_stream(self.settings)
        with contextlib.suppress(OSError):
            print(_banner(self.settings, self._sensor is not None), file=stream, flush=True)

    def _exposed(self) -> Exposed:
        lanes = self.hub.lanes
        old_names = self.settings.metrics.old_names
        return Exposed(self._events, lambda: [lane.status() for lane in lanes.values()], old_names)

    @contextlib.asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """This machine's own sensor, which sends its alerts to a socket of our own.

        Raises ConfigError when that cannot start as it is configured.
        """
        if self._sensor is None or not self.settings.sensor.enabled:
            yield
            return
        path = self.settings.state_dir / SOCKET
        local = ListenConfig(body_limit=_SENSOR_BODY)
        hub = self.hub
        async with serve(local, hub, ready=hub.problems, heard=hub.heard, path=path):
            watching = asyncio.create_task(self._sensor.run(), name="sensor")
            watching.add_done_callback(self._sensor_ended)
            try:
                yield
            finally:
                watching.cancel()
                (ended,) = await asyncio.gather(watching, return_exceptions=True)
            if isinstance(ended, ConfigError):
                raise ended

    def _sensor_ended(self, watching: asyncio.Task[None]) -> None:
        if not watching.cancelled() and isinstance(watching.exception(), ConfigError):
            self._stop.set()

    @contextlib.asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_told("watch", self._watch()), name="configuration-watch")]
        admin = self.settings.admin
        if admin.enabled:
            certificates = Certificates(admin.tls) if admin.tls else None
            tasks.append(
                asyncio.create_task(_told("admin", self._admin(certificates)), name="admin")
            )
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _admin(self, certificates: Certificates | None) -> None:
        """The admin API. Its libraries take half a second and ten megabytes: they are imported
        when somebody calls for the first time."""
        config = self.settings.admin
        with await admin_listener(config) as listener:
            await first_call(listener)
            create_app = await asyncio.to_thread(_admin_application)
            app = create_app(
                self.hub.desk,
                config,
                compile=compile_condition,
                record=record_of,
                explain=self.explain,
                reload=self.reload,
                settings=lambda: self.settings,
                started_ns=self._started_ns,
            )
            async with renewed(certificates):
                await serve_asgi(app, listener, certificates.context if certificates else None)

    # -- sources -----------------------------------------------------------------------------

    def _start_sources(self) -> None:
        for name, config in self.settings.sources.items():
            if name not in self._sources:
                run = source_module(config.type).run
                self._sources[name] = asyncio.create_task(
                    forever(name, partial(run, config, self.hub, self.engine)),
                    name=f"source-{name}",
                )

    async def _stop_sources(self, names: list[str]) -> None:
        tasks = [self._sources.pop(name) for name in names]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _change_sources(self, old: Settings) -> None:
        new = self.settings.sources
        await self._stop_sources([n for n in self._sources if new.get(n) != old.sources.get(n)])
        self._start_sources()

    # -- signals and changes -----------------------------------------------------------------

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def _on_hangup(self) -> None:
        reloading = asyncio.create_task(self._reload_or_tell(), name="reload")
        self._reloads.add(reloading)  # the loop alone would not keep it
        reloading.add_done_callback(self._reloads.discard)

    def _on_stop(self) -> None:
        """The first signal stops orderly; the second at once: the log keeps what is left."""
        self._signals += 1
        if self._signals > 1:
            os._exit(130)
        self._stop.set()

    async def _reload_or_tell(self) -> None:
        try:
            await self.reload()
        except ConfigError as error:
            log.error("the configuration stays as it was")
            for fault in error.faults:
                log.error(fault)
        except Exception:
            log.exception("the configuration could not be reloaded")

    def _has_changed(self) -> bool:
        self._watch_rules(self.settings)  # a folder of rules may have got another file
        return self._watcher.changed()

    async def _watch(self) -> None:
        """Look whether the log is still there, and a file of the configuration or of the rules has
        other contents."""
        while True:
            await asyncio.sleep(_LOOK_SECS)
            if self._lost is None:
                self._lost = await asyncio.to_thread(self.hub.log_lost)
                if self._lost is not None:
                    self._stop.set()
            if await asyncio.to_thread(self._has_changed):
                await self._reload_or_tell()


def _judges(settings: Settings) -> bool:
    """Does a source want the rules? They take a second and some memory."""
    return any(config.judges for config in settings.sources.values())


def _engine_for(settings: Settings) -> Engine | None:
    return build_engine(settings.rules) if _judges(settings) else None


async def _told(part: str, work: Awaitable[None]) -> None:
    """Whoever starts it looks at it only at the end; a fault must be told when it happens."""
    try:
        await work
    except Exception:
        log.exception("a part of the hub has ended", extra={"part": part})


def _waiting(hub: Hub) -> str:
    """How many alerts the log keeps for which lanes, until the next start."""
    depths = {name: lane.status().depth for name, lane in hub.lanes.items()}
    return ",".join(f"{name}={depth}" for name, depth in depths.items() if depth) or "-"


def _admin_application() -> Any:
    from sidekick.web.app import create_app

    return create_app


def _freeze() -> None:
    """What start-up made stays for good: no collection needs to look at it again."""
    gc.collect()
    give_back()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)


def _banner_stream(settings: Settings) -> TextIO:
    """Standard output, unless programs read it: lines that a sink writes for them."""
    formats = {getattr(sink, "format", "") for sink in settings.sinks.values() if _prints(sink)}
    return sys.stderr if formats - {"text"} else sys.stdout


def _prints(sink: SinkConfig) -> bool:
    return sink.type == "stdout" and getattr(sink, "stream", "") == "stdout"


def _banner(settings: Settings, sensor: bool) -> str:
    """Where to send alerts, where they go, and what is switched off: three lines."""
    listen, admin = settings.listen, settings.admin
    api = f"{url(admin)}/docs" if admin.enabled else "off"
    off = [
        name
        for name, on in (
            ("TLS", listen.tls),
            ("tokens", listen.tokens),
            ("dedup", settings.dedup.enabled),
            ("sensor", sensor and settings.sensor.enabled),
        )
        if not on
    ]
    return (
        f"Send Falco's alerts to {url(listen)}/ (json_output, http_output)\n"
        f"Lanes: {', '.join(settings.sinks) or 'none'}; log in {settings.state_dir}; "
        f"metrics at {url(listen)}/metrics; API at {api}\n"
        f"Switched off: {', '.join(off) or 'nothing'}"
    )
