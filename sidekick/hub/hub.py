"""The hub: takes alerts, assesses them, makes them durable, and hands them to the lanes."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sidekick import document, metrics
from sidekick.errors import Shed
from sidekick.heartbeat import Heartbeat
from sidekick.hub.archive import Archive
from sidekick.hub.config import LogConfig
from sidekick.hub.counts import AlertCounts
from sidekick.hub.desk import Desk
from sidekick.hub.event_counts import EventCounts
from sidekick.hub.ids import id_maker
from sidekick.hub.lane import Lane
from sidekick.hub.lanes import Lanes
from sidekick.hub.spool import LogError, Row, Spool, Statement
from sidekick.hub.state import Pipeline, restore, snapshot
from sidekick.hub.writer import Writer
from sidekick.model import Alert, Assessment, Envelope, Outcome
from sidekick.sinks import SinkConfig
from sidekick.sources import Answer

log = logging.getLogger(__name__)

_SNAPSHOT_SECS = 5.0
_TICK_SECS = 1.0
_OPENING_SECS = 0.5
_QUARANTINED_BYTES = 4096
_STATEMENTS_WAIT = 2000


class _Kept:
    """A committed alert on its way from the writer to the lanes."""

    __slots__ = ("alert", "assessment", "envelope", "lanes")

    def __init__(
        self, envelope: Envelope, alert: Alert, assessment: Assessment, lanes: tuple[Lane, ...]
    ) -> None:
        self.envelope = envelope
        self.alert = alert
        self.assessment = assessment
        self.lanes = lanes


class Hub:
    """The router's core; ``desk`` is what the API is given of it."""

    def __init__(
        self,
        directory: Path,
        config: LogConfig,
        process: Pipeline,
        events: EventCounts | None = None,
    ) -> None:
        self._config = config
        self._spool = Spool(directory, config)
        self._archive = Archive(directory)
        self._make_id = id_maker(self._spool.node)
        self._seq = self.head = self._spool.last_seq()
        self._writer = Writer(self._spool, self._committed)
        self._loop = asyncio.get_running_loop()
        self.process = process
        self._lanes = Lanes(self._archive, self._writer, config, lambda: self.head)
        self.lanes = self._lanes.by_name
        self._routes: dict[tuple[str, ...], tuple[int, tuple[Lane, ...]]] = {}
        self._arrived: list[tuple[Sequence[Alert], Answer]] = []
        self.desk = Desk(
            self._archive, self._writer, self.lanes, lambda: self.process.silences, self._snapshot
        )
        self._watchers = self.desk.watchers
        self._counts = AlertCounts(events)
        self._faults_told = 0
        self._shed_before = 0
        self._ticker: asyncio.Task[None] | None = None
        self.started_ns = time.time_ns()

    # -- life --------------------------------------------------------------------------------

    async def start(self, sinks: Mapping[str, SinkConfig]) -> None:
        """Restore the pipeline's state, then start a lane per sink; raises ``LogError``.

        The sinks' libraries take a quarter of a second to import. The first alerts would have to
        share the interpreter with that: they are taken afterwards.
        """
        try:
            restore(self.process, self._archive)
            self._lanes.go_over(await self._lanes.prepare(sinks))
        except sqlite3.DatabaseError as error:
            raise LogError.of(self._spool.path, error) from error
        await self._lanes.tried(_OPENING_SECS)
        self._ticker = asyncio.create_task(self._tick(), name="hub-tick")

    async def reconfigure(self, process: Pipeline, sinks: Mapping[str, SinkConfig]) -> None:
        """Go over to another pipeline and other sinks; no alert is dropped on the way.

        Lanes whose configuration did not change go on undisturbed.
        """
        lanes = await self._lanes.prepare(sinks)
        # No alert comes between these: one pipeline and its lanes take it, or the others do.
        self._snapshot()
        process.restore(self.process.snapshot())
        self.process = process
        self._lanes.go_over(lanes)
        self._routes.clear()

    async def drain(self, seconds: float) -> bool:
        """Wait until all lanes have delivered; False when time ran out."""
        deadline = time.monotonic() + seconds
        while not self._lanes.idle:
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    async def close(self) -> None:
        """Stop the lanes where they are, write everything down, close the log."""
        if self._ticker is not None:
            self._ticker.cancel()
        await self._lanes.stop(list(self.lanes))
        self._snapshot()
        await self._writer.close()
        self.desk.end_live_views()
        self._archive.close()

    # -- taking alerts -----------------------------------------------------------------------

    def offer(self, alerts: Sequence[Alert], answer: Answer) -> None:
        """Take all or none; ``answer`` is called after they are committed, with ``Shed`` if not.

        What arrives in one turn of the event loop is worked on together, stage by stage: with
        each stage's code in the processor's caches that costs half.
        """
        if self._refuses(alerts, answer):
            return
        if not self._arrived:
            self._loop.call_soon(self._take)
        self._arrived.append((alerts, answer))

    def _take(self) -> None:
        now_ns = time.time_ns()
        arrived, self._arrived = self._arrived, []
        assess = self._assess
        assessed = [([assess(a, now_ns) for a in alerts], answer) for alerts, answer in arrived]
        for outcomes, answer in assessed:
            rows: list[Row] = []
            kept: list[_Kept] = []
            try:
                size = sum([self._prepare(outcome, now_ns, rows, kept) for outcome in outcomes])
            except Exception as error:
                metrics.faults.labels("hub").inc()
                log.exception("could not write down an alert")
                answer(error)
            else:
                self._writer.put(rows, kept, size, answer)

    async def accept(self, alerts: Sequence[Alert]) -> None:
        """Take alerts and return when they are durable; raises ``Shed``."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def answer(error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self.offer(alerts, answer)
        await future

    def quarantine(self, source: str, body: bytes, reason: str) -> None:
        """Keep what was no alert, as far as the quarantine and the disk's speed reach."""
        if self._writer.waiting_statements > _STATEMENTS_WAIT:
            return
        row = (time.time_ns(), source, reason[:1000], body[:_QUARANTINED_BYTES])
        statements: list[Statement] = [
            ("INSERT INTO quarantine (received_ns, source, reason, body) VALUES (?, ?, ?, ?)", row),
            (
                "DELETE FROM quarantine WHERE number <= (SELECT max(number) FROM quarantine) - ?",
                (self._config.quarantine,),
            ),
        ]
        self._writer.also(statements)

    def heard(self, heartbeat: Heartbeat) -> None:
        """A node's sensor is there, whether or not it has alerts."""
        self._counts.heard(heartbeat, time.time_ns())

    def log_lost(self) -> LogError | None:
        """What has happened to the log's file, if it is gone; blocks, so call it in a thread."""
        return self._spool.lost()

    def problems(self) -> list[str]:
        """Why the hub is not ready; empty when it is."""
        found = [f"the alert log cannot be written: {self._writer.failing}"] * bool(
            self._writer.failing
        )
        return found + [f"lane {name} is not started" for name in self._lanes.not_started()]

    def _refuses(self, alerts: Sequence[Alert], answer: Answer) -> bool:
        most = self._writer.shed_priority
        if self._writer.pending_bytes > self._config.in_flight:
            reason = "too many alerts wait for the alert log; try again"
        elif most and min([alert.priority for alert in alerts]) <= most:
            reason = "the alert log is full and takes only more severe alerts; free some disk"
        else:
            return False
        metrics.lost.labels("shed at the door").inc(len(alerts))
        answer(Shed(reason))
        return True

    def _assess(self, alert: Alert, now_ns: int) -> Outcome:
        """A fault in the pipeline costs the assessment, never the alert."""
        try:
            return self.process.process(alert, now_ns)
        except Exception:
            metrics.faults.labels("pipeline").inc()
            log.exception("could not assess an alert", extra={"rule": alert.rule})
            return Outcome(alert, Assessment(fingerprint=""), tuple(self.lanes))

    def _prepare(self, outcome: Outcome, now_ns: int, rows: list[Row], kept: list[_Kept]) -> int:
        alert, assessment = outcome.alert, outcome.assessment
        seq = self._seq = self._seq + 1
        uuid = self._make_id(now_ns, seq)
        body = document.write(uuid, alert, assessment)
        mask, lanes = self._routes.get(outcome.lanes) or self._route(outcome.lanes)
        priority, fingerprint = alert.priority, assessment.fingerprint
        rows.append((seq, now_ns, alert.time_ns, priority, mask, fingerprint, body))
        envelope = Envelope(
            seq, uuid, priority, alert.time_ns, fingerprint, body, now_ns, alert.plain
        )
        kept.append(_Kept(envelope, alert, assessment, lanes))
        return len(body)

    def _route(self, names: tuple[str, ...]) -> tuple[int, tuple[Lane, ...]]:
        lanes = tuple(self.lanes[name] for name in names if name in self.lanes)
        mask = sum(1 << lane.bit for lane in lanes)
        self._routes[names] = mask, lanes
        return mask, lanes

    def _committed(self, kept: list[_Kept]) -> None:
        self.head = kept[-1].envelope.seq
        touched: set[Lane] = set()
        for one in kept:
            for lane in one.lanes:
                lane.push(one.envelope)
            touched.update(one.lanes)
            self._counts.add(one.alert, one.assessment, one.envelope.received_ns)
        self._counts.tell()
        for lane in touched:
            lane.pump()
        for watcher in self._watchers:
            watcher.put([one.envelope.body for one in kept])

    # -- the pipeline's state ----------------------------------------------------------------

    def _snapshot(self) -> None:
        snapshot(self.process, self._writer, self._seq)

    async def _tick(self) -> None:
        """Every second: closing digests, gauges, and now and then a snapshot."""
        last_snapshot = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_SECS)
            try:
                self._close_windows(time.time_ns())
                await self._recount()
                for lane in list(self.lanes.values()):
                    await lane.trim_dead()
                self._lanes.set_gauges()
                self._counts.set_gauges()
                self._tell_faults()
                if time.monotonic() - last_snapshot >= _SNAPSHOT_SECS:
                    self._snapshot()
                    last_snapshot = time.monotonic()
            except Exception:
                metrics.faults.labels("tick").inc()
                log.exception("the hub's regular work failed")

    def _tell_faults(self) -> None:
        """A stage that failed cost no alert, but somebody must hear of it."""
        count, self._faults_told = self.process.faults - self._faults_told, self.process.faults
        if count > 0:
            metrics.faults.labels("pipeline").inc(count)
            about = {"fault": self.process.last_fault, "alerts": count}
            log.error("a stage of the pipeline failed and was left out", extra=about)

    async def _recount(self) -> None:
        """After the log shed alerts, lanes have less to do than they think."""
        if self._writer.shed != self._shed_before:
            self._shed_before = self._writer.shed
            for lane in list(self.lanes.values()):
                await lane.recount()

    def _close_windows(self, now_ns: int) -> None:
        outcomes = self.process.due(now_ns)
        if outcomes:
            self._snapshot()  # in one transaction with the digests: they are told once
            self._keep(outcomes, now_ns)

    def _keep(self, outcomes: Sequence[Outcome], now_ns: int) -> None:
        """Commit what no sender waits for, until it succeeds."""
        rows: list[Row] = []
        kept: list[_Kept] = []
        size = sum(self._prepare(outcome, now_ns, rows, kept) for outcome in outcomes)

        def answer(error: BaseException | None) -> None:
            if error is not None:
                self._loop.call_later(_TICK_SECS, self._keep, outcomes, now_ns)

        if rows:
            self._writer.put(rows, kept, size, answer)
