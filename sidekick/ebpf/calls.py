"""The system calls that the sensor knows, read from ``calls.txt``.

The table says once what the kernel shall read of a call and what its parameters are called; the
programs know no call by name.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

ARGUMENTS = 6
"""A system call has so many at most."""

CALL_TYPES = 256
"""Our numbers are below this one."""

SOCKET_CALL = 255
"""Stands in for i386's socketcall(2), which is many calls."""

_ABIS = ("x86_64", "i386", "arm64", "arm")
_NATIVE = {"x86_64": ("x86_64", "i386"), "aarch64": ("arm64", "arm")}
_I386_SOCKETCALL = 102

_SOCKET_CALLS = """
socket bind connect listen accept getsockname getpeername socketpair sendto recvfrom sendto
recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg
"""
SOCKET_CALLS: Mapping[int, str] = MappingProxyType(dict(enumerate(_SOCKET_CALLS.split(), start=1)))
"""What socketcall(2) means by its first argument; send and recv are without an address."""

URING_CALLS: Mapping[int, str] = MappingProxyType(
    {
        16: "connect",
        18: "openat",
        28: "openat",
        35: "renameat2",
        36: "unlinkat",
        37: "mkdirat",
        38: "symlinkat",
        39: "linkat",
        45: "socket",
    }
)
"""The calls that operations of io_uring stand for, as rules name them (IORING_OP_*)."""

_READ: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "fd": ("FD", 0),
        "dirfd": ("DIRECTORY", 0),
        "path": ("PATH", 0),
        "string": ("STRING", 0),
        "strings": ("STRINGS", 0),
        "data": ("SIZED", 0),
        "result_data": ("BUFFER", 0),
        "address": ("ADDRESS", 0),
        "address_out": ("ADDRESS_OUT", 0),
        "message": ("MESSAGE", 0),
        "messages": ("MESSAGE", 0),  # of which each is told by itself
        "open_how": ("BYTES", 24),  # three u64: flags, mode, resolve
        "clone_args": ("BYTES", 8),  # its first field, u64: flags
        "fd_pair": ("BYTES", 8),  # two int
        "capabilities": ("BYTES", 24),  # twice effective, permitted, inheritable, each u32
    }
)
"""How the kernel reads an argument of a kind (enum argument_kind, bytes); others are numbers."""


@dataclass(frozen=True, slots=True)
class Argument:
    """What the kernel takes: ``kind`` is how to read and to show it."""

    name: str
    kind: str

    @property
    def reading(self) -> tuple[str, int]:
        """The name in ``enum argument_kind`` without its prefix, and a number of bytes."""
        return _READ.get(self.kind, ("VALUE", 0))


@dataclass(frozen=True, slots=True)
class Call:
    """A system call. ``number`` is ours, and that of its records' headers."""

    number: int
    name: str
    flags: str
    numbers: Mapping[str, tuple[int, ...]]
    arguments: tuple[Argument, ...]
    parameters: tuple[str, ...]

    @property
    def makes_fd(self) -> bool:
        """Is a result that is not negative a new file descriptor?"""
        return "n" in self.flags

    @property
    def keeps_state(self) -> bool:
        """Is it told even if no rule asks for it?"""
        return "s" in self.flags

    @property
    def has_messages(self) -> bool:
        """Is its result the number of messages, which are told one by one?"""
        return any(argument.kind == "messages" for argument in self.arguments)

    @property
    def only_failures(self) -> bool:
        """Is success told by another event?"""
        return "f" in self.flags


@cache
def all_calls() -> Mapping[str, Call]:
    """By name; the first has the number 1."""
    lines = files(__package__).joinpath("calls.txt").read_text().splitlines()
    table = [line for line in lines if line and not line.startswith("#")]
    calls = (_call(number, line) for number, line in enumerate(table, start=1))
    return MappingProxyType({call.name: call for call in calls})


def _call(number: int, line: str) -> Call:
    head, arguments, parameters = line.split("|")
    name, flags, *numbers = head.split()
    return Call(
        number,
        name,
        flags,
        MappingProxyType(dict(zip(_ABIS, map(_numbers, numbers), strict=True))),
        tuple(Argument(*argument.split(":")) for argument in arguments.split()),
        tuple(parameters.split()),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return () if text == "-" else tuple(map(int, text.split("+")))


def call_numbers(machine: str = "") -> Iterator[tuple[int, int, Call]]:
    """By a processor's two ABIs (0: its own, 1: 32 bits): the kernel's number and the call.

    ``machine`` is a name as of ``uname -m``; without one, this machine's.
    """
    for abi, column in enumerate(_NATIVE[machine or platform.machine()]):
        for call in all_calls().values():
            yield from ((abi, number, call) for number in call.numbers[column])


def socketcall_number(machine: str = "") -> int | None:
    """The 32-bit ABI's number of socketcall(2), if it has one."""
    return _I386_SOCKETCALL if (machine or platform.machine()) == "x86_64" else None
