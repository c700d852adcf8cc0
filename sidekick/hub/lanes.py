"""The lanes in force, and going over to others without losing an alert on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from sidekick import metrics
from sidekick.hub.archive import Archive
from sidekick.hub.config import LogConfig
from sidekick.hub.lane import Lane
from sidekick.hub.writer import Writer
from sidekick.sinks import SinkConfig, sink_module

_GAUGES = (metrics.lane_depth, metrics.lane_oldest, metrics.lane_open)


class Lanes:
    """Makes, starts and stops the lanes of a hub; ``by_name`` stays the same mapping."""

    def __init__(
        self, archive: Archive, writer: Writer, config: LogConfig, head: Callable[[], int]
    ) -> None:
        self._archive = archive
        self._writer = writer
        self._config = config
        self._head = head
        self._running: dict[str, asyncio.Task[None]] = {}
        self.by_name: dict[str, Lane] = {}

    @property
    def idle(self) -> bool:
        """Whether all have delivered what they can deliver now."""
        return all(lane.idle for lane in self.by_name.values())

    async def prepare(self, sinks: Mapping[str, SinkConfig]) -> dict[str, Lane]:
        """Stop the lanes that are gone or changed, and make what ``go_over`` wants.

        Those whose configuration is the same go on undisturbed. Those that stopped still note
        what is committed for them, until ``go_over``.
        """
        same = {n: lane for n, lane in self.by_name.items() if sinks.get(n) == lane.sink_config}
        await self.stop([name for name in self.by_name if name not in same])
        names = list(sinks)
        rows = await self._writer.run(lambda spool: spool.lane_rows(names))
        return {
            name: same.get(name) or self._make(name, config, rows[name])
            for name, config in sinks.items()
        }

    def go_over(self, lanes: Mapping[str, Lane]) -> None:
        """Put these in force and start the new ones."""
        for name in self.by_name.keys() - lanes.keys():
            for gauge in _GAUGES:
                with contextlib.suppress(KeyError):
                    gauge.remove(name)
        self.by_name.clear()
        self.by_name.update(lanes)
        for name, lane in lanes.items():
            if name not in self._running:
                self._running[name] = asyncio.create_task(lane.run(), name=f"lane-{name}")

    async def tried(self, secs: float) -> None:
        """Wait until each lane has opened its sink or could not, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(secs):
                for lane in self.by_name.values():
                    await lane.tried.wait()

    async def stop(self, names: Sequence[str]) -> None:
        """Stop these where they are, and store where that is."""
        tasks = [self._running.pop(name) for name in names if name in self._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._writer.flush()

    def not_started(self) -> list[str]:
        """The names of lanes that do not run."""
        return [name for name in self.by_name if name not in self._running]

    def set_gauges(self) -> None:
        """Bring the metrics up to date."""
        for name, lane in self.by_name.items():
            status = lane.status()
            metrics.lane_depth.labels(name).set(status.depth)
            metrics.lane_oldest.labels(name).set(status.oldest_age_secs)
            metrics.lane_open.labels(name).set(status.state == "paused")

    def _make(self, name: str, config: SinkConfig, row: tuple[int, int, str]) -> Lane:
        module = sink_module(config.type)
        return Lane(
            name,
            config,
            lambda: module.open_sink(config),
            self._archive,
            self._writer,
            row,
            self._head,
            self._config.lane_memory,
            self._config.dead_letters,
        )
