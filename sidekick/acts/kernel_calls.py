"""The system calls of acts for which Python has no function, by libc."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_DETACH = 0, 16, 17
BPF_PROG_LOAD = 5
UFFD_USER_MODE_ONLY = 1

_PR_SET_NAME = 15
_NUMBERS = {
    "x86_64": {"init_module": 175, "bpf": 321, "userfaultfd": 323},
    "aarch64": {"init_module": 105, "bpf": 280, "userfaultfd": 282},
}
_libc = ctypes.CDLL(None, use_errno=True)


def name_process(name: str) -> None:
    """What ``ps`` shows of this process from now on."""
    _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones; raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int) -> None:
    """Join a namespace; raises OSError."""
    _checked(_libc.setns(descriptor, 0), "setns")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount; raises OSError."""
    arguments = (source.encode(), target.encode(), kind.encode(), flags, options.encode())
    _checked(_libc.mount(*arguments), f"mount on {target}")


def ptrace(request: int, pid: int) -> None:
    """Trace; raises OSError."""
    _libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    _libc.ptrace.restype = ctypes.c_long
    _checked(_libc.ptrace(request, pid, None, None), "ptrace")


def attempt(name: str, *arguments: int) -> int:
    """A system call by its name, which may fail; its result."""
    number = _NUMBERS[os.uname().machine][name]
    return int(_libc.syscall(number, *(ctypes.c_long(argument) for argument in arguments)))


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
