"""Rights that the sensor gives up once its programs are attached."""

from __future__ import annotations

import ctypes
import os
import struct

from sidekick.sensor.flags import CAPABILITIES

KEPT = ("CAP_BPF", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")
"""For changing maps; for ``/proc/PID`` of others: exe, environ, cwd, and the root directory in
which a container's users are named."""

_VERSION_3 = 0x20080522
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4


def drop(kept: tuple[str, ...] = KEPT) -> None:
    """Keep these capabilities alone, of those that this thread has, and never get others back.

    Threads have rights of their own: those started later have what this one has. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("<Ii", _VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    _check(libc.capget(header, data))
    wanted = sum(1 << CAPABILITIES.index(name) for name in kept)
    low = struct.unpack("<6I", data.raw)
    permitted = (low[1] | low[4] << 32) & wanted
    parts = permitted & 0xFFFFFFFF, permitted >> 32
    sets = (parts[0], parts[0], 0, parts[1], parts[1], 0)
    _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    _check(libc.capset(header, ctypes.create_string_buffer(struct.pack("<6I", *sets))))
    gain_none()


def gain_none() -> None:
    """No program that this process starts can have more rights than it has; raises OSError."""
    _check(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
