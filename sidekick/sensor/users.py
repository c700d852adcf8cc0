"""Names of users and groups, from the host's files or those that a container has."""

from __future__ import annotations

import contextlib
import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

UNKNOWN = "<NA>"
UNSET = 0xFFFFFFFF
"""The login uid of a process that nobody logged in for."""

_LARGEST = 4 * 1024 * 1024
_LOOK_AGAIN_NS = 2_000_000_000

Stamp = tuple[int, int, int]
Place = tuple[int, int]
"""Device and inode of a directory."""


class Names:
    """The names of one file such as ``/etc/passwd``, read again when the file is another one.

    The file is somebody else's when it is a container's: links are not followed, what is no regular
    file or larger than 4 MiB is not read, and lines that make no sense are passed over.
    """

    __slots__ = ("_file", "_looked_ns", "_names", "_stamp")

    def __init__(self, file: str) -> None:
        self._file = file
        self._names: dict[int, str] = {}
        self._stamp: Stamp | None = None
        self._looked_ns: int | None = None

    @property
    def known(self) -> bool:
        """Has the file ever been read?"""
        return self._stamp is not None

    def get(
        self, number: int, root: Path, now_ns: int, not_below: Place | None = None
    ) -> str | None:
        """The name of a number, in the file below a root directory.

        ``not_below``: a directory that is no such root; a container's process has it until it is
        moved to its own.
        """
        if self._looked_ns is None or now_ns - self._looked_ns >= _LOOK_AGAIN_NS:
            # The process whose root this was may have ended; what it said stays known, and the
            # next one is asked if nothing is.
            with contextlib.suppress(OSError):
                self._look(root, not_below)
                self._looked_ns = now_ns
        return self._names.get(number)

    def _look(self, root: Path, not_below: Place | None) -> None:
        with _opened(root, self._file, not_below) as file:
            about = os.fstat(file.fileno())
            stamp = (about.st_ino, about.st_mtime_ns, about.st_size)
            if stamp != self._stamp and stat.S_ISREG(about.st_mode):
                self._stamp = stamp
                self._names = _parse(file.read(_LARGEST))


def _opened(root: Path, file: str, not_below: Place | None) -> BinaryIO:
    """``etc/FILE`` below a root, by steps that no link can lead astray; raises OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    # The root itself is a link of the kernel's: /proc/PID/root.
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _place(os.fstat(top)) == not_below:
            raise FileNotFoundError(f"{root} is the host's root")
        folder = os.open("etc", flags | os.O_DIRECTORY, dir_fd=top)
    finally:
        os.close(top)
    try:
        return os.fdopen(os.open(file, flags, dir_fd=folder), "rb")
    finally:
        os.close(folder)


def _place(about: os.stat_result) -> Place:
    return about.st_dev, about.st_ino


def _parse(content: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        parts = line.split(":", 3)
        if len(parts) == 4 and parts[0] and parts[2].isascii() and parts[2].isdigit():
            found.setdefault(int(parts[2][:10]), parts[0])
    return found


class Users:
    """Users and groups of the host and of containers."""

    def __init__(
        self, clock: Callable[[], int], *, host: Path = Path("/"), limit: int = 512
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._host_root = host
        self._host_place = _place(os.stat(host))
        self._host = {file: Names(file) for file in ("passwd", "group")}
        self._inside: OrderedDict[tuple[str, str], Names] = OrderedDict()

    def user(self, uid: int, container: str = "", root: Path | None = None) -> str:
        """The name of a user; ``<NA>`` for one that nobody knows.

        In a container it is the one that the container's file gives, as seen from the root
        directory of a process in it; the host's only where that file cannot be read.
        """
        return self._name("passwd", uid, container, root)

    def group(self, gid: int, container: str = "", root: Path | None = None) -> str:
        """The name of a group, in the same way."""
        return self._name("group", gid, container, root)

    def look(self, container: str, root: Path) -> None:
        """Read a container's files while a process of it is there."""
        for file in ("passwd", "group"):
            self._names_inside(file, container).get(0, root, self._clock(), self._host_place)

    def login(self, uid: int) -> str:
        """The name of who logged in; ``<NA>`` for nobody."""
        return UNKNOWN if uid == UNSET else self.user(uid)

    def _name(self, file: str, number: int, container: str, root: Path | None) -> str:
        now_ns = self._clock()
        found: str | None = None
        names = self._names_inside(file, container) if container else None
        if names is not None and root is not None:
            found = names.get(number, root, now_ns, self._host_place)
        if names is None or not names.known:
            found = self._host[file].get(number, self._host_root, now_ns)
        return found or ("root" if number == 0 else UNKNOWN)

    def _names_inside(self, file: str, container: str) -> Names:
        key = (file, container)
        found = self._inside.get(key)
        if found is None:
            found = self._inside[key] = Names(file)
            if len(self._inside) > self._limit:
                self._inside.popitem(last=False)
        else:
            self._inside.move_to_end(key)
        return found
