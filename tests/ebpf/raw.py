"""Ways into the kernel that Python's library has not: io_uring, 32-bit calls, mounts, openat2."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct

from tests.ebpf.kernel import LIBC

SYS_IO_URING_SETUP, SYS_IO_URING_ENTER, SYS_OPENAT2 = 425, 426, 437
OPENAT, RENAMEAT, UNLINKAT, MKDIRAT, SOCKET = 18, 35, 36, 37, 45
MS_BIND = 4096
CLONE_NEWNS = 0x20000
AT_FDCWD = -100

# mov eax, edi; push rbx; mov ebx, esi; mov ecx, edx (by r8d, as rcx comes last); int 0x80
_INT80 = bytes.fromhex("53 89 f8 89 f3 41 89 d0 89 ca 44 89 c1 cd 80 5b c3")


class Int80:
    """Calls of the 32-bit ABI from this 64-bit process, as any process may make them."""

    def __init__(self) -> None:
        self._code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(_INT80)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._call = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_uint32] * 4)(start)
        self._low = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40)
        self._place = ctypes.addressof(ctypes.c_char.from_buffer(self._low))
        assert self._place < 1 << 32  # MAP_32BIT

    def __call__(self, number: int, *arguments: int) -> int:
        padded = (*arguments, 0, 0, 0)[:3]
        return int(self._call(number, *(value & 0xFFFFFFFF for value in padded)))

    def data(self, data: bytes) -> int:
        """The address of these bytes, below 4 GiB."""
        self._low.seek(0)
        self._low.write(data)
        return int(self._place)


class Uring:
    """A ring for one request at a time. Offsets: struct io_uring_params of the kernel's headers."""

    def __init__(self) -> None:
        parameters = ctypes.create_string_buffer(120)
        self.fd = LIBC.syscall(SYS_IO_URING_SETUP, 4, parameters)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "io_uring is not to be had")
        words = struct.unpack("<30I", parameters.raw)
        self._tail, self._array = words[11], words[16]
        self._cq_head, self._cq_tail, self._cq_mask, self._cqes = (*words[20:23], words[25])
        self._ring = mmap.mmap(self.fd, 8192)
        self._entries = mmap.mmap(self.fd, 4 * 64, offset=0x10000000)
        self._kept: list[object] = []

    def do(self, operation: int, **fields: int | bytes) -> int:
        """Submits a request and waits for its result. Fields: fd addr len offset flags slot."""
        at = {"fd": (4, "i"), "offset": (8, "Q"), "addr": (16, "Q"), "len": (24, "I")}
        at |= {"flags": (28, "I"), "slot": (44, "I")}
        entry = bytearray(64)
        entry[0] = operation
        for name, value in fields.items():
            place, code = at[name]
            struct.pack_into(f"<{code}", entry, place, self._number(value))
        self._entries[:64] = bytes(entry)
        (tail,) = struct.unpack_from("<I", self._ring, self._tail)
        struct.pack_into("<I", self._ring, self._array + 4 * (tail & 3), 0)
        struct.pack_into("<I", self._ring, self._tail, tail + 1)
        LIBC.syscall(SYS_IO_URING_ENTER, self.fd, 1, 1, 1, None, 0)
        return self._result()

    def _number(self, value: int | bytes) -> int:
        if isinstance(value, int):
            return value
        self._kept.append(ctypes.create_string_buffer(value))
        return ctypes.addressof(self._kept[-1])  # type: ignore[arg-type]

    def _result(self) -> int:
        (head,) = struct.unpack_from("<I", self._ring, self._cq_head)
        (mask,) = struct.unpack_from("<I", self._ring, self._cq_mask)
        place = self._cqes + 16 * (head & mask)
        (result,) = struct.unpack_from("<i", self._ring, place + 8)
        struct.pack_into("<I", self._ring, self._cq_head, head + 1)
        return int(result)


def openat2(path: str, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """The descriptor, or -1."""
    how = struct.pack("<3Q", flags, mode, resolve)
    return int(LIBC.syscall(SYS_OPENAT2, AT_FDCWD, os.fsencode(path), how, len(how)))


def own_mounts() -> None:
    """From here on this process' mounts are its own."""
    assert LIBC.unshare(CLONE_NEWNS) == 0
    assert LIBC.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None) == 0  # MS_PRIVATE | MS_REC


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """OSError if it does not work."""
    texts = [text.encode() or None for text in (source, target, kind, data)]
    if LIBC.mount(texts[0], texts[1], texts[2], flags, texts[3]):
        raise OSError(ctypes.get_errno(), f"cannot mount {target}")
