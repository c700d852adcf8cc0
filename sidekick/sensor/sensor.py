"""The sensor at work: what the kernel tells goes through the stream, alerts go to the sender.

Everything happens in one thread, which sleeps while nothing does. The kernel wakes it at most once
in 5 ms; what comes in between is taken together.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from sidekick.ebpf.calls import all_calls
from sidekick.ebpf.libbpf import BpfError
from sidekick.ebpf.probe import WAKE_SECS, Probe, ProbeConfig, open_probe
from sidekick.errors import ConfigError
from sidekick.heartbeat import INTERVAL_SECS, Heartbeat
from sidekick.rules.engine import Engine
from sidekick.sensor import privileges, procfs, seccomp
from sidekick.sensor.config import SensorConfig
from sidekick.sensor.containers import Containers
from sidekick.sensor.cri import Cri
from sidekick.sensor.decode import Decoder
from sidekick.sensor.docker import Docker
from sidekick.sensor.drops import Drops, alert_of
from sidekick.sensor.fields.extract import Knowledge
from sidekick.sensor.names import DomainNames, compared
from sidekick.sensor.prefilter import conditions, filters, with_leads, without
from sidekick.sensor.processes import Processes
from sidekick.sensor.sender import Sender
from sidekick.sensor.status import Status
from sidekick.sensor.stream import Stream
from sidekick.sensor.users import Users

log = logging.getLogger(__name__)

_TICK_SECS = 1.0
_SWEPT = 200
_SWEPT_SHARE = 10
"""After a flood of processes whose ends were lost the table is clean within so many seconds."""
_ASKED_AGAIN_TICKS = 10
_CONTAINERD = Path("run/containerd/containerd.sock")

_STOP, _RELOAD = b"s", b"r"

Tell = Callable[[Status], None]


class Exit(Exception):
    """Events were lost, and the configuration says that the sensor ends then."""


class Sensor:
    """Watches until it is stopped. ``tell`` gets a status each second."""

    def __init__(
        self,
        config: SensorConfig,
        load: Callable[[], Engine],
        sender: Sender,
        tell: Tell,
        excluded: Iterable[int] = (),
    ) -> None:
        """``load`` gives the rules, at the start and for each reload; raises ConfigError."""
        self._config = config
        self._load = load
        self._engine = load()
        self._sender = sender
        self._tell = tell
        self._excluded = tuple(excluded)
        self._drops = Drops(config.drops)
        self._ticks = 0
        self._beat_due = 0.0
        self._events = 0
        self._alerts = 0
        self._lost = 0
        self._doubtful = False
        self._names = DomainNames()
        self._told_reader, self._told_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def stop(self) -> None:
        """End ``run`` soon; may be called from a signal handler and from any thread."""
        os.write(self._told_writer, _STOP)

    def reload(self) -> None:
        """Go over to other rules soon; those that have an error change nothing."""
        os.write(self._told_writer, _RELOAD)

    def run(self, attached: Callable[[], None] = lambda: None) -> None:
        """Load, attach, watch; raises SensorUnavailable, Exit."""
        with ExitStack() as stack:
            probe = stack.enter_context(open_probe(self._probe_config()))
            executor = ThreadPoolExecutor(8, thread_name_prefix="containers")
            stack.callback(executor.shutdown, wait=False, cancel_futures=True)
            knowledge = self._knowledge(executor)
            stream = Stream(
                self._engine,
                knowledge,
                on_cgroup=probe.set_container,
                repeats=self._config.repeats,
            )
            stream.every = self._engine.config.matching == "all"
            decode = Decoder(probe.layouts).decode
            for pid in self._excluded:
                probe.exclude(pid)
            self._ask_for(probe)
            probe.attach()
            privileges.drop()
            self._confine()
            self._sender.start()
            stack.callback(self._names.close)
            self._names.ask(compared(self._engine))
            knowledge.processes.scan(procfs.process_ids())
            _settle()
            attached()
            try:
                self._watch(probe, stream, decode, knowledge)
            finally:
                self._tell_repeats(stream, knowledge)

    def _confine(self) -> None:
        if not self._config.seccomp:
            return
        try:
            seccomp.confine()
        except seccomp.Unconfined as error:
            log.warning("the sensor runs without seccomp", extra={"why": str(error)})

    def _ask_for(self, probe: Probe) -> None:
        """Tell the kernel which calls the rules ask for, and what they ask of them."""
        ignored = self._config.ignore_calls
        nodes, blind = without(conditions(self._engine), ignored)
        if blind:
            about = {"rules": blind, "calls": ",".join(ignored)}
            log.warning("rules cannot match: sensor.ignore_calls has all their calls", extra=about)
        asked = with_leads(filters(self._engine.graph, nodes), os.path.realpath)
        asked |= dict.fromkeys(all_calls().keys() & ignored, ())
        try:
            probe.replace_filters(asked)
        except BpfError as error:
            # Without filters everything watched is told: more work, no alert less.
            log.warning("the rules ask for too much at once", extra={"error": str(error)})
            probe.replace_filters({})
        probe.watch(nodes)

    def _probe_config(self) -> ProbeConfig:
        config = self._config
        return ProbeConfig(
            calls_bytes=_power_of_two(config.buffer),
            processes_bytes=_power_of_two(config.process_buffer),
            snaplen=config.snaplen,
            root_device=_root_device(config.containers.host),
        )

    def _knowledge(self, executor: ThreadPoolExecutor) -> Knowledge:
        host = self._config.containers.host
        docker = {path.resolve() for path in self._config.containers.docker}
        cri = {path.resolve() for path in self._config.containers.cri}
        containers = Containers(
            [*map(Docker, sorted(docker)), *map(Cri, sorted(cri))],
            executor,
            wait=self._config.containers.wait,
            containerd=(host / _CONTAINERD).exists(),
            clock=time.monotonic,
        )
        return Knowledge(
            Processes(limit=self._config.processes),
            Users(time.monotonic_ns, host=host),
            containers,
            boot_ns=_boot_ns(),
            hostname=self._engine.config.hostname,
            names=self._names,
            root_device=_root_device(host),
        )

    # -- the loop ----------------------------------------------------------------------------

    def _watch(
        self, probe: Probe, stream: Stream, decode: Callable[[bytes], object], known: Knowledge
    ) -> None:
        poll = select.epoll()
        poll.register(probe.fileno(), select.EPOLLIN)
        poll.register(self._told_reader, select.EPOLLIN)
        due = time.monotonic()
        with poll:
            while True:
                ready = poll.poll(max(due - time.monotonic(), 0.0))
                if any(number == self._told_reader for number, _ in ready):
                    told = os.read(self._told_reader, 64)
                    if _STOP in told:
                        # What happened before is told: also what nobody was woken for yet.
                        self._sender.put(stream.take(map(decode, probe.drain())))  # type: ignore[arg-type]
                        return
                    self._tell_repeats(stream, known)
                    self._go_over(probe, stream)
                while records := probe.drain():
                    self._doubt_if_lost(probe, stream, known)
                    alerts = stream.take(map(decode, records))  # type: ignore[arg-type]
                    if alerts:
                        self._alerts += len(alerts)
                        self._sender.put(alerts)
                    if time.monotonic() >= due:
                        break
                    time.sleep(WAKE_SECS)
                else:
                    self._end_doubt(known)
                if time.monotonic() >= due:
                    due = time.monotonic() + _TICK_SECS
                    self._tick(probe, stream, known)

    def _doubt_if_lost(self, probe: Probe, stream: Stream, known: Knowledge) -> None:
        """From the first sight of a loss on, and until all that was told before it is taken."""
        lost = probe.lost()
        self._doubtful |= lost != self._lost
        self._lost = lost
        if self._doubtful:
            known.processes.doubt()
            stream.repeats.forget()

    def _end_doubt(self, known: Knowledge) -> None:
        if self._doubtful:
            self._doubtful = False
            known.processes.doubt()

    def _tell_repeats(self, stream: Stream, known: Knowledge) -> None:
        """What was counted is told now; its rules may be others soon."""
        if alerts := stream.repeats.close(self._engine.again, known.boot_ns):
            self._sender.put(alerts)

    def _go_over(self, probe: Probe, stream: Stream) -> None:
        try:
            self._engine = stream.engine = self._load()
            stream.every = self._engine.config.matching == "all"
        except ConfigError as error:
            log.error("the rules stay as they were")
            for fault in error.faults:
                log.error(fault)
            return
        self._ask_for(probe)
        self._names.ask(compared(self._engine))
        log.info("rules reloaded", extra={"rules": len(self._engine.rules)})

    def _tick(self, probe: Probe, stream: Stream, known: Knowledge) -> None:
        """Once a second: what was lost, what has gone, how it goes."""
        self._ticks += 1
        known.boot_ns = _boot_ns()
        self._tell_repeats(stream, known)
        count = max(_SWEPT, len(known.processes) // _SWEPT_SHARE)
        known.processes.sweep(count, lambda pid: os.path.exists(f"/proc/{pid}"))
        if self._ticks % _ASKED_AGAIN_TICKS == 0:
            known.containers.ask_again()
        totals = {
            **probe.losses(),
            "process table full": known.processes.evicted,
            "sender": self._sender.dropped,
        }
        events, self._events = stream.events - self._events, stream.events
        lost, loss = self._drops.look(totals, events, time.monotonic())
        self._tell(
            Status(
                drops=lost,
                records=dict(stream.records),
                events=stream.events,
                alerts=self._alerts + stream.repeats.counted,
                repeats=stream.repeats.counted,
                processes=len(known.processes),
                missed=known.processes.missed,
                outbox_bytes=self._sender.waiting_bytes,
            )
        )
        stream.records.clear()
        self._beat(known.hostname)
        if loss is None:
            return
        actions = self._config.drops.actions
        if "log" in actions:
            log.error("events were lost", extra={"lost": loss.lost, "of": loss.events + loss.lost})
        if "alert" in actions:
            alert = alert_of(loss, self._config.drops, known.hostname, time.time_ns())
            self._sender.tell(alert)
        if "exit" in actions:
            raise Exit(f"{loss.lost} events were lost, and sensor.drops.actions says exit")

    def _beat(self, node: str) -> None:
        """Tell the hub now and then, from the loop that watches: a sender alone proves little."""
        if time.monotonic() >= self._beat_due:
            self._beat_due = time.monotonic() + INTERVAL_SECS
            self._sender.beat(Heartbeat(node))


def _power_of_two(size: int) -> int:
    return 1 << (size - 1).bit_length()


def _root_device(root: Path) -> int:
    """The device that the machine's root directory is on; 0 if it cannot be seen."""
    try:
        return root.stat().st_dev
    except OSError:
        return 0


def _boot_ns() -> int:
    """When the machine started, since the epoch; another one after the clock was set."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _settle() -> None:
    """What start-up made stays: no collection needs to look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
