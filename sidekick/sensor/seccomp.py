"""What the sensor's process can never do again once it watches, by a filter of its system calls.

A list of what is forbidden, for what a Python needs differs from one libc to the next: nothing that
starts a program or a process, loads code into the kernel, changes mounts, namespaces, clocks or
identities, or reaches into another process. Of bpf(2) the elements of maps are left, of socket(2)
the families that hubs, container engines and resolvers are spoken to by. The numbers are those of
the kernel's unistd.h; other ABIs than the machine's own get nothing at all.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping, Sequence

_FORBIDDEN = """
execve 59 221|execveat 322 281|fork 57 -|vfork 58 -|ptrace 101 117|kcmp 312 272
process_vm_readv 310 270|process_vm_writev 311 271|process_madvise 440 440
process_mrelease 448 448|pidfd_open 434 434|pidfd_getfd 438 438|pidfd_send_signal 424 424
kill 62 129|tkill 200 130|rt_sigqueueinfo 129 138|rt_tgsigqueueinfo 297 240
mount 165 40|umount2 166 39|move_mount 429 429|open_tree 428 428|fsopen 430 430|fsmount 432 432
fsconfig 431 431|fspick 433 433|mount_setattr 442 442|pivot_root 155 41|chroot 161 51
setns 308 268|unshare 272 97|init_module 175 105|finit_module 313 273|delete_module 176 106
kexec_load 246 104|kexec_file_load 320 294|reboot 169 142|swapon 167 224|swapoff 168 225
acct 163 89|quotactl 179 60|quotactl_fd 443 443|sethostname 170 161|setdomainname 171 162
iopl 172 -|ioperm 173 -|modify_ldt 154 -|keyctl 250 219|add_key 248 217|request_key 249 218
perf_event_open 298 241|userfaultfd 323 282|personality 135 92
io_uring_setup 425 425|io_uring_enter 426 426|io_uring_register 427 427
name_to_handle_at 303 264|open_by_handle_at 304 265|lookup_dcookie 212 18
settimeofday 164 170|clock_settime 227 112|clock_adjtime 305 266|adjtimex 159 171
vhangup 153 58|syslog 103 116|mknod 133 -|mknodat 259 33|fanotify_init 300 262
memfd_secret 447 447|setuid 105 146|setgid 106 144|setreuid 113 145|setregid 114 143
setresuid 117 147|setresgid 119 149|setgroups 116 159|setfsuid 122 151|setfsgid 123 152
capset 126 91
"""
_PARTLY = "bpf 321 280|socket 41 198|tgkill 234 131|clone 56 220|clone3 435 435|seccomp 317 277"

MAP_COMMANDS = (1, 2, 3, 4)
"""Of bpf(2): to look up, change and delete elements of maps, and to go through them."""
FAMILIES = (1, 2, 10, 16)
"""Of socket(2): AF_UNIX, AF_INET, AF_INET6, and AF_NETLINK for the resolver."""

_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_SET_MODE_FILTER, _TSYNC = 1, 1

# Of struct seccomp_data: the number, the ABI, the lower half of the first argument.
_NUMBER, _ABI, _FIRST = 0, 4, 16
# Of linux/bpf_common.h and linux/seccomp.h.
_LOAD, _IF_EQUAL, _IF_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000


def _table(text: str) -> Mapping[str, tuple[int | None, int | None]]:
    rows = (row.split() for line in text.split("\n") for row in line.split("|") if row.strip())
    return {
        name: tuple(None if number == "-" else int(number) for number in numbers)  # type: ignore[misc]
        for name, *numbers in rows
    }


FORBIDDEN = _table(_FORBIDDEN)
"""By name: the numbers on x86_64 and on aarch64, None where there is no such call."""
PARTLY = _table(_PARTLY)


class Unconfined(Exception):
    """The kernel takes no filter; str() says why."""


def confine(machine: str = "") -> None:
    """Put the filter on all threads of this process; raises Unconfined.

    It wants no_new_privs (see ``privileges.drop``) and can never be taken off.
    """
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        raise Unconfined(f"no filter of system calls is known for {machine}")
    text = program(machine, os.getpid())
    memory = ctypes.create_string_buffer(text, len(text))
    told = struct.pack("HxxxxxxP", len(text) // 8, ctypes.addressof(memory))  # struct sock_fprog
    libc = ctypes.CDLL(None, use_errno=True)
    number = PARTLY["seccomp"][_MACHINES[machine][0]]
    if libc.syscall(number, _SET_MODE_FILTER, _TSYNC, ctypes.create_string_buffer(told)) != 0:
        raise Unconfined(f"seccomp(2): {os.strerror(ctypes.get_errno())}")


def program(machine: str, pid: int) -> bytes:
    """The filter as classic BPF (struct sock_filter, 8 bytes each); ``pid`` is our own."""
    column, abi = _MACHINES[machine]
    code = _Code()
    code.load(_ABI)
    code.when(_IF_EQUAL, abi, "ours", "refuse")
    code.label("ours")
    code.load(_NUMBER)
    code.when(_IF_BITS, _X32 if column == 0 else 0, "refuse")
    for numbers in FORBIDDEN.values():
        if (number := numbers[column]) is not None:
            code.when(_IF_EQUAL, number, "refuse")
    for name in ("bpf", "socket", "tgkill", "clone"):
        code.when(_IF_EQUAL, PARTLY[name][column] or 0, name)
    code.when(_IF_EQUAL, PARTLY["clone3"][column] or 0, "clone3", "allow")
    code.one_of("bpf", MAP_COMMANDS)
    code.one_of("socket", FAMILIES)
    code.one_of("tgkill", [pid])
    code.label("clone")
    code.load(_FIRST)
    code.when(_IF_BITS, _CLONE_THREAD, "allow", "refuse")
    # Its arguments are in memory, where no filter sees them; without it libc takes clone(2).
    code.end("clone3", _ERROR | errno.ENOSYS)
    code.end("refuse", _ERROR | errno.EPERM)
    code.end("allow", _ALLOW)
    return code.text()


class _Code:
    """Instructions with jumps to labels, which may stand anywhere below."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, str, str]] = []
        self._labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        self._labels[name] = len(self._lines)

    def load(self, offset: int) -> None:
        self._lines.append((_LOAD, offset, "", ""))

    def when(self, test: int, value: int, then: str, otherwise: str = "") -> None:
        """Go on with the next line if there is no ``otherwise``."""
        self._lines.append((test, value, then, otherwise))

    def one_of(self, name: str, values: Sequence[int]) -> None:
        """At the label ``name``: the first argument must be one of these."""
        self.label(name)
        self.load(_FIRST)
        for value in values[:-1]:
            self.when(_IF_EQUAL, value, "allow")
        self.when(_IF_EQUAL, values[-1], "allow", "refuse")

    def end(self, name: str, result: int) -> None:
        """At the label ``name``: the result."""
        self.label(name)
        self._lines.append((_RETURN, result, "", ""))

    def text(self) -> bytes:
        return b"".join(
            struct.pack("HBBI", code, self._over(n, then), self._over(n, otherwise), value)
            for n, (code, value, then, otherwise) in enumerate(self._lines)
        )

    def _over(self, line: int, label: str) -> int:
        """How many lines a jump leaves out."""
        return self._labels[label] - line - 1 if label else 0
