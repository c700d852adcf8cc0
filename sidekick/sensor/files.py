"""What a descriptor is, in Falco's words: its letter, its type, the parts of its path."""

from __future__ import annotations

import posixpath
import stat
from typing import NamedTuple

from sidekick.sensor.record import File


class FdKind(NamedTuple):
    """The letter (``fd.typechar``) and the name (``fd.type``) of a kind of descriptor."""

    letter: str
    name: str


FILE = FdKind("f", "file")
DIRECTORY = FdKind("d", "directory")
IPV4 = FdKind("4", "ipv4")
IPV6 = FdKind("6", "ipv6")
UNIX = FdKind("u", "unix")
NETLINK = FdKind("n", "netlink")
PIPE = FdKind("p", "pipe")
OTHER = FdKind("o", "other")
MEMFD = FdKind("m", "memfd")

O_DIRECTORY = 0o200000

_ANONYMOUS = {
    b"[eventfd]": FdKind("e", "event"),
    b"[signalfd]": FdKind("s", "signalfd"),
    b"[eventpoll]": FdKind("l", "eventpoll"),
    b"inotify": FdKind("i", "inotify"),
    b"[timerfd]": FdKind("t", "timerfd"),
    b"[userfaultfd]": FdKind("u", "userfaultfd"),
    b"[io_uring]": FdKind("r", "io_uring"),
    b"[pidfd]": FdKind("P", "pidfd"),
}
_PREFIX = b"anon_inode:"

FAILED_OPENS = {"openat": FILE, "openat2": FILE, "creat": FILE, "open": OTHER}
"""What Falco calls the descriptor that an open did not give; ``open`` is the odd one."""


def kind_of(file: File) -> FdKind:
    """The kind of an open file. A directory is one only if it was opened as one."""
    path = file.path
    if path.startswith(_PREFIX):
        name = path[len(_PREFIX) :]
        if name.startswith((b"bpf", b"[bpf")):
            return FdKind("b", "bpf")
        return _ANONYMOUS.get(name, OTHER)
    if path.startswith((b"memfd:", b"/memfd:")):
        return MEMFD
    if stat.S_ISFIFO(file.mode) and not path.startswith(b"/"):
        return PIPE
    return DIRECTORY if file.flags & O_DIRECTORY else FILE


def absolute(path: str, directory: str | None) -> str:
    """A path from the root, as text alone: links and mounts are not looked at.

    Where nobody knows the directory that it starts from, it keeps Falco's ``<UNKNOWN>``.
    """
    if not path.startswith("/"):
        path = f"{directory or '<UNKNOWN>'}/{path}"
    whole = posixpath.normpath(path)
    return whole[1:] if whole.startswith("//") else whole


def directory_of(path: str, kind: FdKind | None) -> str:
    """``fd.directory``: all before the last slash; a directory is its own."""
    if kind == DIRECTORY or path.endswith("/"):
        return path
    above, slash, _ = path.rpartition("/")
    return above or "/" if slash else "/"


def filename_of(path: str) -> str:
    """``fd.filename``: all behind the last slash."""
    return path.rpartition("/")[2]
