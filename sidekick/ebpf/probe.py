"""The sensor's programs in the kernel: load them, say what is wanted, read what they tell.

    with open_probe(ProbeConfig()) as probe:
        probe.watch({"openat", "connect"})
        probe.attach()
        while True:
            select.select([probe], [], [])
            while records := probe.drain():
                ...
                time.sleep(WAKE_SECS)

The kernel wakes a reader at most once in 5 ms, as a wake-up costs the watched process more than two
open calls. So whoever was woken reads, waits ``WAKE_SECS`` and reads again until nothing comes.
"""

from __future__ import annotations

import errno
import mmap
import os
import platform
import re
import select
import struct
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sidekick.ebpf.btf import Btf, Layout
from sidekick.ebpf.calls import (
    CALL_TYPES,
    SOCKET_CALL,
    SOCKET_CALLS,
    URING_CALLS,
    Call,
    all_calls,
    call_numbers,
    socketcall_number,
)
from sidekick.ebpf.filters import NO_PLACE, Entry, FilterSet, compile_filters
from sidekick.ebpf.libbpf import BpfError, KernelTypes, Object, possible_cpus
from sidekick.ebpf.ring import Ring, open_ring
from sidekick.errors import SensorUnavailable

WAKE_SECS = 0.006
"""Longer than the kernel's pause between two wake-ups."""

OLDEST_KERNEL = (5, 11)
"""It has ``bpf_get_current_task_btf``, the youngest of what the programs cannot do without. An
older one is tried all the same: distributions bring much to theirs."""

_OBJECTS = Path(__file__).with_name("objects")
_KERNEL_BTF = Path("/sys/kernel/btf/vmlinux")
_HELD = 100_000
_ALWAYS = frozenset({"on_call_end", "on_fork", "on_exec", "on_exit", "on_rename"})
_HANDLERS = ("on_call_fast", "on_call")
"""They are called by ``on_call_end``."""
_GRACE_SECS = 0.01
"""Programs that began with the filters before are long at their end after this."""


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """``calls_bytes`` and ``processes_bytes``: the rings' sizes, powers of two."""

    calls_bytes: int = 8 << 20
    processes_bytes: int = 4 << 20
    snaplen: int = 80
    """Bytes of what is sent and received."""
    args_bytes: int = 4095
    env_bytes: int = 4095
    cwd: bool = False
    """Tell the working directory with every call, not only where a relative path needs it."""
    root_device: int = 0
    """``st_dev`` of the machine's root: a file of it that is mounted elsewhere is told with its own
    place too (``origin``)."""


def object_path(machine: str = "") -> Path:
    """Where the object for a processor is (a name as of ``uname -m``; this machine's)."""
    return _OBJECTS / f"sensor.{machine or platform.machine()}.bpf.o"


@contextmanager
def open_probe(config: ProbeConfig) -> Iterator[Probe]:
    """Loads the programs; SensorUnavailable if this machine or these rights do not allow it."""
    elf = _read_object()
    with ExitStack() as stack:
        loaded = stack.enter_context(Object(elf))
        btf = Btf(elf)
        _prepare(loaded, btf, config)
        chosen = _choose_programs()
        for name in loaded.programs.keys() - chosen:
            loaded.programs.pop(name).leave_out()
        try:
            loaded.load()
        except BpfError as error:
            raise _unavailable(error) from error
        probe = Probe(loaded, btf, stack)
        probe.exclude(os.getpid())
        yield probe


def _read_object() -> bytes:
    path = object_path()
    if not path.exists():
        known = ", ".join(sorted(item.name.split(".")[1] for item in _OBJECTS.glob("*.bpf.o")))
        raise SensorUnavailable(f"the sensor knows {known}, not {platform.machine()}")
    if not _KERNEL_BTF.exists():
        raise SensorUnavailable(
            f"the sensor needs a kernel with type information: {_KERNEL_BTF} is missing"
            " (CONFIG_DEBUG_INFO_BTF, in the kernels of all large distributions since 2021)"
        )
    return path.read_bytes()


def _prepare(loaded: Object, btf: Btf, config: ProbeConfig) -> None:
    loaded.maps["scratches"].resize(possible_cpus())
    loaded.maps["calls"].resize(config.calls_bytes)
    loaded.maps["processes"].resize(config.processes_bytes)
    constants = btf.variables(".rodata")
    section = next(item for name, item in loaded.maps.items() if name.endswith(".rodata"))
    memory = section.initial()
    values = {
        "snaplen": config.snaplen,
        "args_bytes": config.args_bytes,
        "env_bytes": config.env_bytes,
        "always_cwd": config.cwd,
        "root_device": os.major(config.root_device) << 20 | os.minor(config.root_device),
    }
    for name, value in values.items():
        struct.pack_into(f"<{constants[name].code}", memory, constants[name].offset, value)


def _choose_programs() -> frozenset[str]:
    """Those for this kernel: of a fast and a plain one, and of what tracepoints changed."""
    with KernelTypes() as kernel:
        arguments = kernel.tracepoint_arguments
        fast = kernel.has_function("bpf_rdonly_cast")
        chosen = {
            "on_call_fast": fast,
            "on_call": not fast,
            "on_uring_submit": arguments("io_uring_submit_req") == 1,
            "on_uring_submit_sqe": arguments("io_uring_submit_sqe") == 2,
            "on_uring_complete": arguments("io_uring_complete") == 3,
            "on_uring_complete_parts": arguments("io_uring_complete") == 7,
        }
    return _ALWAYS | {name for name, wanted in chosen.items() if wanted}


def _unavailable(error: BpfError) -> SensorUnavailable:
    if error.errno == errno.EPERM:
        refused = str(error).partition("\n")[0]  # libbpf's log guesses at other reasons
        return SensorUnavailable(
            "the sensor needs root, or CAP_BPF and CAP_PERFMON (in a container also: no seccomp"
            f" profile that forbids bpf(2)): {refused}"
        )
    release = platform.release()
    if _version(release) < OLDEST_KERNEL:
        oldest = ".".join(map(str, OLDEST_KERNEL))
        return SensorUnavailable(f"the sensor needs a kernel from {oldest} on; this is {release}")
    return SensorUnavailable(f"the kernel {release} refuses the sensor: {error}")


def _version(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", release)[:2])


class Probe:
    """The loaded programs."""

    def __init__(self, loaded: Object, btf: Btf, stack: ExitStack) -> None:
        self._maps = loaded.maps
        self._programs = loaded.programs
        self._handler = next(loaded.programs[n] for n in _HANDLERS if n in loaded.programs)
        self._stack = stack
        self.layouts: Mapping[str, Layout] = btf.layouts
        self.enums: Mapping[str, Mapping[str, int]] = btf.enums
        self._globals = btf.variables(".bss")
        self._memory = self._map_globals()
        self._calls = self._open_ring("calls")
        self._processes = self._open_ring("processes")
        self._held: list[bytes] = []
        self._generation = 0
        self._next_group = 1
        self._entries: Sequence[Entry] = ()
        self._epoll = select.epoll()
        stack.callback(self._epoll.close)
        for name in ("calls", "processes"):
            self._epoll.register(self._maps[name].fd, select.EPOLLIN)
        self._tell_shapes()

    def _map_globals(self) -> mmap.mmap:
        section = next(item for name, item in self._maps.items() if name.endswith(".bss"))
        memory = mmap.mmap(section.fd, section.value_size)
        self._stack.callback(memory.close)
        return memory

    def _open_ring(self, name: str) -> Ring:
        ring = open_ring(self._maps[name].fd, self._maps[name].max_entries)
        self._stack.callback(ring.close)
        return ring

    def _tell_shapes(self) -> None:
        self._maps["handlers"].update(_key(0), _key(self._handler.fd))
        for call in all_calls().values():
            self._maps["shapes"].update(_key(call.number), self._shape(call))
        start = self._globals["socket_calls"].offset
        for number, name in SOCKET_CALLS.items():
            if name in all_calls():
                self._memory[start + number] = all_calls()[name].number

    def _shape(self, call: Call) -> bytes:
        kinds, flags = self.enums["argument_kind"], self.enums["shape_flag"]
        readings = [argument.reading for argument in call.arguments]
        names = [name for name, _ in readings]
        return self.layouts["shape"].pack(
            arguments=tuple(kinds[f"ARGUMENT_{name}"] for name in names),
            flags=call.makes_fd * flags["SHAPE_RESULT_FD"]
            | call.keeps_state * flags["SHAPE_STATE"]
            | call.only_failures * flags["SHAPE_FAILURES"]
            | call.has_messages * flags["SHAPE_MESSAGES"],
            bytes=max([size for _, size in readings], default=0),
            fd_place=names.index("FD") if "FD" in names else NO_PLACE,
        )

    def watch(self, names: Collection[str]) -> None:
        """These calls, and those that keep state, are told; all others cost nothing more.

        Names that are no system call of ours are ignored.
        """
        wanted = {call.name for call in all_calls().values() if call.keeps_state} | set(names)
        table = [bytearray(self._globals["wanted"].count // 2) for _ in range(2)]
        for abi, number, call in call_numbers():
            if call.name in wanted:
                table[abi][number] = call.number
        multiplexer = socketcall_number()
        if multiplexer is not None and wanted & set(SOCKET_CALLS.values()):
            table[1][multiplexer] = SOCKET_CALL
        for operation, name in URING_CALLS.items():
            number = all_calls()[name].number if name in wanted else 0
            self._memory[self._globals["uring_calls"].offset + operation] = number
        start = self._globals["wanted"].offset
        self._memory[start : start + self._globals["wanted"].count] = b"".join(table)

    def replace_filters(self, filters: FilterSet) -> None:
        """From one call to the next these decide what is told, in place of those before.

        BpfError if the tables have no room for them; then nothing has changed.
        """
        tables = compile_filters(filters, self.layouts["filter"], self._next_group)
        half = 1 - self._generation
        for number in range(CALL_TYPES):
            found = tables.filters.get(number, bytes(self.layouts["filter"].size))
            self._maps["filters"].update(_key(half * CALL_TYPES + number), found)
        self._add(tables.entries)
        self._generation = half
        struct.pack_into("<I", self._memory, self._globals["generation"].offset, half)
        time.sleep(_GRACE_SECS)
        self._remove(self._entries)
        self._entries = tables.entries
        self._next_group += len(filters)

    def _add(self, entries: Sequence[Entry]) -> None:
        for place, (name, key, value) in enumerate(entries):
            try:
                self._maps[name].update(key, value)
            except BpfError:
                self._remove(entries[:place])
                raise

    def _remove(self, entries: Sequence[Entry]) -> None:
        for name, key, _ in entries:
            self._maps[name].delete(key)

    def exclude(self, pid: int) -> None:
        """What this process does is not told."""
        self._maps["excluded"].update(_key(pid), b"\1")

    def set_container(self, cgroup_id: int, inside: bool) -> None:
        """Teaches the kernel which cgroups are containers'; of others it does not know."""
        name = "CGROUP_CONTAINER" if inside else "CGROUP_HOST"
        value = self.enums["cgroup_state"][name]
        self._maps["cgroups"].update(struct.pack("<Q", cgroup_id), _key(value))

    def attach(self) -> None:
        """From now on there are records. They end with the context."""
        for name, program in self._programs.items():
            if name not in _HANDLERS:
                self._stack.callback(program.attach().destroy)

    def fileno(self) -> int:
        """Readable when the kernel woke us."""
        return self._epoll.fileno()

    def drain(self, limit: int = 10_000) -> list[bytes]:
        """The records of both rings by time; empty only if none is complete. Never waits.

        A process' record never comes before an older call's: its exit would take away what the
        rules ask of it.
        """
        records = self._drain(limit)
        return records or (self._drain(limit) if self._held else records)

    def _drain(self, limit: int) -> list[bytes]:
        until = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        calls = self._calls.read(limit)
        if len(calls) == limit or self._calls.blocked:
            until = _time(calls[-1]) if calls else 0
        if len(self._held) < _HELD:
            self._held += self._processes.read(_HELD)
        if not self._held:
            return calls
        due = [record for record in self._held if _time(record) <= until]
        self._held = [record for record in self._held if _time(record) > until]
        return sorted(calls + due, key=_time)

    def lost(self) -> int:
        """How many records nobody saw, whatever the cause."""
        return sum(self.losses().values())

    def losses(self) -> dict[str, int]:
        """Records that nobody saw, by cause, since loading."""
        layout = self.layouts["losses"]
        found = self._maps["losses"].lookup(_key(0), possible_cpus())
        assert found is not None
        each = struct.iter_unpack(layout.format(), found)
        return {
            field.name: sum(values)
            for field, values in zip(layout.fields, zip(*each, strict=True), strict=True)
        }


def _key(number: int) -> bytes:
    return struct.pack("<I", number)


def _time(record: bytes) -> int:
    """``time_ns`` of its header, the first field."""
    return int.from_bytes(record[:8], "little")
