"""How the process gets memory from the C library."""

from __future__ import annotations

import contextlib
import ctypes

_M_ARENA_MAX = -8  # of glibc's malloc.h


def use_one_arena() -> None:
    """Have all threads share the C library's heap; call it before there are any.

    glibc gives each thread an arena of its own and keeps what is freed there for that thread: with
    five destinations 20 MiB that nobody uses. Most of what allocates holds the interpreter's lock,
    so hardly ever does one thread wait for another. A C library without arenas stays as it is.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Give the system what is free between pieces in use: 2 MiB after the start of a hub."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
