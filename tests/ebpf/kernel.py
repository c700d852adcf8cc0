"""The sensor's programs in this machine's kernel, and what they tell of one process of ours."""

from __future__ import annotations

import ctypes
import os
import select
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from sidekick.ebpf.probe import WAKE_SECS, Probe, ProbeConfig, open_probe
from sidekick.sensor.decode import Decoder, Record
from sidekick.sensor.record import Kind
from tests.servers.unavailable import unavailable

LIBC = ctypes.CDLL(None, use_errno=True)
_PATIENCE_SECS = 20.0


def need_kernel() -> None:
    """Skips, or in CI fails, with the reason why no program can be loaded here."""
    if os.geteuid() != 0:
        reason = "loading programs into the kernel needs root"
    elif not Path("/sys/kernel/btf/vmlinux").exists():
        reason = "this kernel has no type information (/sys/kernel/btf/vmlinux)"
    else:
        return
    unavailable(reason)


class Watcher:
    """An attached probe with its decoder."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self._decoder = Decoder(probe.layouts)

    def records_of(self, act: Callable[[], object]) -> list[Record]:
        """What is told of a process that does this and exits, its children included."""
        pid = in_child(act)
        records: list[Record] = []
        while not any(_is_end(record, pid) for record in records):
            records += self.read()
        family = {pid}
        for record in records:
            if record.kind is Kind.FORK and record.header.pid in family:
                family.add(record["child_pid"])
        return [record for record in records if record.header.pid in family]

    def calls_of(self, act: Callable[[], object], name: str = "") -> list[Record]:
        """The system calls of such a process, or those of a name."""
        records = self.records_of(act)
        return [r for r in records if r.kind is Kind.CALL and name in ("", r.type)]

    def read(self) -> list[Record]:
        """What there is, waiting until the kernel says that there is something."""
        if found := self.probe.drain():
            return [self._decoder.decode(data) for data in found]
        ready, _, _ = select.select([self.probe], [], [], _PATIENCE_SECS)
        assert ready, "the kernel told nothing in time"
        time.sleep(WAKE_SECS)
        return [self._decoder.decode(data) for data in self.probe.drain()]


def _is_end(record: Record, pid: int) -> bool:
    return record.kind is Kind.EXIT and record.header.pid == pid and bool(record["last"])


@contextmanager
def watching(calls: Collection[str], config: ProbeConfig | None = None) -> Iterator[Watcher]:
    """A probe that tells of these calls."""
    need_kernel()
    with open_probe(config or ProbeConfig()) as probe:
        probe.watch(calls)
        probe.attach()
        yield Watcher(probe)


def in_child(act: Callable[[], object]) -> int:
    """Does it in a process of its own and waits for its end; the process' number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about threads, which do nothing here
        pid = os.fork()
    if not pid:
        try:
            act()
        except OSError:
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) != 2, "the act failed"
    return pid
