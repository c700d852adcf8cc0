"""What the kernel reports, as the sensor's parts read it. ``decode`` makes such records.

Numbers are the kernel's own. Texts are bytes without NUL, argument vectors blobs with a NUL between
their parts; whoever shows one decodes it with ``text_of``. Times are ns since the machine started.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import IntEnum, IntFlag
from typing import Any, Protocol


class Kind(IntEnum):
    """What a record is about."""

    CALL = 1
    EXEC = 2
    FORK = 3
    EXIT = 4
    RENAME = 5
    CGROUP = 6


class Flag(IntFlag):
    """How a record came to be. ``STATE``: it only keeps state, no rule asks for it."""

    STATE = 1


class ExeFlag(IntFlag):
    """What is known of an executed file."""

    WRITABLE = 1
    UPPER_LAYER = 2
    LOWER_LAYER = 4
    MEMFD = 8


class Header(Protocol):
    """Who it was: the thread as it was at that moment.

    ``pid`` and ``ppid`` are processes, all ids those of the initial namespace but for ``vpid``,
    ``vtid`` and ``vpgid``. A process is the same as long as ``pid`` and ``start_ns`` are.
    """

    @property
    def time_ns(self) -> int: ...
    @property
    def cpu(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def tid(self) -> int: ...
    @property
    def pid(self) -> int: ...
    @property
    def ppid(self) -> int: ...
    @property
    def vtid(self) -> int: ...
    @property
    def vpid(self) -> int: ...
    @property
    def vpgid(self) -> int: ...
    @property
    def pgid(self) -> int: ...
    @property
    def sid(self) -> int: ...
    @property
    def tty(self) -> int: ...
    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...
    @property
    def login_uid(self) -> int: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def parent_start_ns(self) -> int: ...
    @property
    def cgroup_id(self) -> int: ...
    @property
    def cap_effective(self) -> int: ...
    @property
    def cap_permitted(self) -> int: ...
    @property
    def comm(self) -> bytes: ...


class File(Protocol):
    """The file behind a descriptor."""

    @property
    def fd(self) -> int: ...
    @property
    def mode(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def dev(self) -> int: ...
    @property
    def ino(self) -> int: ...
    @property
    def path(self) -> bytes: ...
    @property
    def origin(self) -> bytes:
        """The path within its file system, if a mount shows it elsewhere."""
        ...


class Socket(Protocol):
    """The socket behind a descriptor; addresses are packed, 4 or 16 bytes, "" where unset."""

    @property
    def family(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def protocol(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def local(self) -> bytes: ...
    @property
    def remote(self) -> bytes: ...
    @property
    def local_port(self) -> int: ...
    @property
    def remote_port(self) -> int: ...
    @property
    def local_path(self) -> bytes: ...
    @property
    def remote_path(self) -> bytes: ...


class Record(Protocol):
    """One record; ``record[name]`` is a part that only some kinds have, None where it is not."""

    @property
    def kind(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def header(self) -> Header: ...
    @property
    def result(self) -> int | None: ...
    @property
    def cwd(self) -> bytes | None: ...
    @property
    def address(self) -> bytes | None: ...
    @property
    def data(self) -> bytes | None: ...
    @property
    def identity(self) -> Hashable:
        """All that it tells but when, on which CPU, and where in memory its arguments were."""
        ...

    @property
    def file(self) -> File | None: ...
    @property
    def socket(self) -> Socket | None: ...
    def argument(self, name: str) -> Any:
        """The value of a parameter by Falco's name, a number or bytes; None without one."""
        ...

    def text(self, name: str) -> bytes | None:
        """The text of a parameter: a path, or the directory that a descriptor is."""
        ...

    def __getitem__(self, name: str) -> Any: ...


def text_of(raw: bytes) -> str:
    """A text for people, JSON and conditions; what is no UTF-8 becomes U+FFFD."""
    return raw.decode("utf-8", "replace")


def vector(raw: bytes) -> bytes:
    """An argument vector without the NUL that ends its last part."""
    return raw[:-1] if raw.endswith(b"\0") else raw
