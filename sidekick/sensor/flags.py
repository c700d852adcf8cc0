"""Names of flags and numbers as Falco prints them, from the kernel's values.

The orders are Falco's: its table of flags is gone through from the top, and what has been named is
taken out, so the text of one value is always the same.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence

Table = Sequence[tuple[str, int]]

_KERNEL_TMPFILE = 0o20000000 | os.O_DIRECTORY
_OPEN_BITS: Table = (
    ("O_CREAT", os.O_CREAT),
    ("O_APPEND", os.O_APPEND),
    ("O_DSYNC", os.O_DSYNC),
    ("O_EXCL", os.O_EXCL),
    ("O_NONBLOCK", os.O_NONBLOCK),
    ("O_SYNC", os.O_SYNC),
    ("O_TRUNC", os.O_TRUNC),
    ("O_DIRECT", os.O_DIRECT),
    ("O_DIRECTORY", os.O_DIRECTORY),
    ("O_LARGEFILE", 0o100000),
    ("O_CLOEXEC", os.O_CLOEXEC),
    ("O_TMPFILE", _KERNEL_TMPFILE),
)
KERNEL_OPEN: Table = (
    *(("O_RDONLY", 0), ("O_WRONLY", 0), ("O_RDWR", 0), ("O_NONE", 0), ("O_F_CREATED", 0)),
    *(("FD_UPPER_LAYER", 0), ("FD_LOWER_LAYER", 0), *_OPEN_BITS),
)
"""The same names with the kernel's bits; 0 for what is no bit of its own there."""

FALCO_OPEN: Mapping[str, int] = {
    "O_RDONLY": 1,
    "O_WRONLY": 1 << 1,
    "O_RDWR": 3,
    **{name: 1 << bit for bit, (name, _) in enumerate(_OPEN_BITS, 2)},
    "O_F_CREATED": 1 << 14,
    "FD_UPPER_LAYER": 1 << 15,
    "FD_LOWER_LAYER": 1 << 16,
}
_OPEN_ORDER = (
    "O_LARGEFILE O_DIRECTORY O_DIRECT O_TRUNC O_SYNC O_NONBLOCK O_EXCL O_DSYNC O_APPEND O_CREAT "
    "O_RDWR O_WRONLY O_RDONLY O_CLOEXEC O_NONE O_TMPFILE O_F_CREATED FD_UPPER_LAYER FD_LOWER_LAYER"
)
OPEN: Table = tuple((name, FALCO_OPEN.get(name, 0)) for name in _OPEN_ORDER.split())
_MODES = "XOTH WOTH ROTH XGRP WGRP RGRP XUSR WUSR RUSR SVTX SGID SUID"
MODE: Table = tuple((f"S_I{name}", 1 << bit) for bit, name in enumerate(_MODES.split()))
CLONE: Table = tuple(
    (f"CLONE_{name}", 1 << bit)
    for name, bit in (
        *(("FILES", 10), ("FS", 9), ("IO", 31), ("NEWIPC", 27), ("NEWNET", 30), ("NEWNS", 17)),
        *(("NEWPID", 29), ("NEWUTS", 26), ("PARENT", 15), ("PARENT_SETTID", 20), ("PTRACE", 13)),
        *(("SIGHAND", 11), ("SYSVSEM", 18), ("THREAD", 16), ("UNTRACED", 23), ("VM", 8)),
        *(("NEWUSER", 28), ("CHILD_CLEARTID", 21), ("CHILD_SETTID", 24), ("SETTLS", 19)),
        *(("VFORK", 14), ("NEWCGROUP", 25), ("PIDFD", 12), ("NEWTIME", 7)),
    )
)
_MOUNT = """
RDONLY NOSUID NODEV NOEXEC SYNCHRONOUS REMOUNT MANDLOCK DIRSYNC NOSYMFOLLOW - NOATIME NODIRATIME
BIND MOVE REC SILENT POSIXACL UNBINDABLE PRIVATE SLAVE SHARED RELATIME KERNMOUNT I_VERSION
STRICTATIME LAZYTIME
"""
MOUNT: Table = tuple((name, 1 << bit) for bit, name in enumerate(_MOUNT.split()) if name != "-")
UMOUNT: Table = (("FORCE", 1), ("DETACH", 2), ("EXPIRE", 4), ("NOFOLLOW", 8))
EXE: Table = (
    ("EXE_WRITABLE", 1),
    ("EXE_UPPER_LAYER", 2),
    ("EXE_FROM_MEMFD", 8),
    ("EXE_LOWER_LAYER", 4),
)
EXECVEAT: Table = (("AT_EMPTY_PATH", 0x1000), ("AT_SYMLINK_NOFOLLOW", 0x100))
UNLINK: Table = (("AT_REMOVEDIR", 0x200),)
LINK: Table = (("AT_SYMLINK_FOLLOW", 0x400), ("AT_EMPTY_PATH", 0x1000))
RENAME: Table = (("RENAME_NOREPLACE", 1), ("RENAME_EXCHANGE", 2), ("RENAME_WHITEOUT", 4))
MEMFD: Table = (("MFD_CLOEXEC", 1), ("MFD_ALLOW_SEALING", 2), ("MFD_HUGETLB", 4))
MODULE: Table = (
    ("MODULE_INIT_IGNORE_MODVERSIONS", 1),
    ("MODULE_INIT_IGNORE_VERMAGIC", 2),
    ("MODULE_INIT_COMPRESSED_FILE", 4),
)
USERFAULT: Table = (("O_CLOEXEC", os.O_CLOEXEC), ("O_NONBLOCK", os.O_NONBLOCK))

_FAMILIES = """
UNSPEC LOCAL|UNIX INET AX25 IPX APPLETALK NETROM BRIDGE ATMPVC X25 INET6 ROSE DECnet NETBEUI
SECURITY KEY NETLINK|ROUTE PACKET ASH ECONET ATMSVC RDS SNA IRDA PPPOX WANPIPE LLC IB MPLS CAN
TIPC BLUETOOTH IUCV RXRPC ISDN PHONET IEEE802154 CAIF ALG NFC VSOCK KCM QIPCRTR SMC XDP
"""
_PTRACE = """
TRACEME PEEKTEXT PEEKDATA PEEKUSR POKETEXT POKEDATA POKEUSR CONT KILL SINGLESTEP - -
GETREGS SETREGS GETFPREGS SETFPREGS ATTACH DETACH GETFPXREGS SETFPXREGS - - - - SYSCALL
GET_THREAD_AREA SET_THREAD_AREA - - - ARCH_PRCTL SYSEMU SYSEMU_SINGLESTEP SINGLEBLOCK
"""
_PTRACE_LATER = """
SETOPTIONS GETEVENTMSG GETSIGINFO SETSIGINFO GETREGSET SETREGSET SEIZE INTERRUPT LISTEN
PEEKSIGINFO GETSIGMASK SETSIGMASK SECCOMP_GET_FILTER SECCOMP_GET_METADATA GET_SYSCALL_INFO
"""
_BPF = """
MAP_CREATE MAP_LOOKUP_ELEM MAP_UPDATE_ELEM MAP_DELETE_ELEM MAP_GET_NEXT_KEY PROG_LOAD OBJ_PIN
OBJ_GET PROG_ATTACH PROG_DETACH PROG_TEST_RUN PROG_GET_NEXT_ID MAP_GET_NEXT_ID PROG_GET_FD_BY_ID
MAP_GET_FD_BY_ID OBJ_GET_INFO_BY_FD PROG_QUERY RAW_TRACEPOINT_OPEN BTF_LOAD BTF_GET_FD_BY_ID
TASK_FD_QUERY MAP_LOOKUP_AND_DELETE_ELEM MAP_FREEZE BTF_GET_NEXT_ID MAP_LOOKUP_BATCH
MAP_LOOKUP_AND_DELETE_BATCH MAP_UPDATE_BATCH MAP_DELETE_BATCH LINK_CREATE LINK_UPDATE
LINK_GET_FD_BY_ID LINK_GET_NEXT_ID ENABLE_STATS ITER_CREATE LINK_DETACH PROG_BIND_MAP
"""
_CAPABILITIES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
PERFMON BPF CHECKPOINT_RESTORE
"""


def _numbered(prefix: str, names: str, start: int = 0) -> dict[int, str]:
    """Names by their number; a dash stands for a number without one."""
    return {
        number: "|".join(f"{prefix}_{alias}" for alias in name.split("|"))
        for number, name in enumerate(names.split(), start)
        if name != "-"
    }


PRCTL: Mapping[int, str] = {
    number: f"PR_{name}"
    for number, name in (
        *((1, "SET_PDEATHSIG"), (3, "GET_DUMPABLE"), (4, "SET_DUMPABLE"), (7, "GET_KEEPCAPS")),
        *((8, "SET_KEEPCAPS"), (15, "SET_NAME"), (16, "GET_NAME"), (21, "GET_SECCOMP")),
        *((22, "SET_SECCOMP"), (23, "CAPBSET_READ"), (24, "CAPBSET_DROP"), (35, "SET_MM")),
        *((36, "SET_CHILD_SUBREAPER"), (38, "SET_NO_NEW_PRIVS"), (47, "CAP_AMBIENT")),
    )
}
FCNTL: Mapping[int, str] = {
    **_numbered("F", "DUPFD GETFD SETFD GETFL SETFL GETLK SETLK SETLKW SETOWN GETOWN"),
    1030: "F_DUPFD_CLOEXEC",
}
FAMILY: Mapping[int, str] = _numbered("AF", _FAMILIES)
PTRACE: Mapping[int, str] = _numbered("PTRACE", _PTRACE) | _numbered(
    "PTRACE", _PTRACE_LATER, 0x4200
)
BPF: Mapping[int, str] = _numbered("BPF", _BPF)
CAPABILITIES = tuple(f"CAP_{name}" for name in _CAPABILITIES.split())


def open_flags(kernel: int, *, created: bool = False) -> int:
    """The flags of an open in Falco's numbers."""
    access = kernel & os.O_ACCMODE
    found = 2 if access == os.O_WRONLY else 3 if access == os.O_RDWR else 1
    for name, bits in _OPEN_BITS:
        # The bits of O_SYNC and O_TMPFILE hold those of O_DSYNC and O_DIRECTORY, and Falco tests
        # for any of them.
        if kernel & bits:
            found |= FALCO_OPEN[name]
    return found | (FALCO_OPEN["O_F_CREATED"] if created else 0)


def flag_names(value: int, table: Table) -> str:
    """The names in a value, joined by ``|``; "" for none."""
    names: list[str] = []
    left = value
    for name, bits in table:
        if bits == value:
            return "|".join([*names, name])
        if bits and left & bits == bits:
            names.append(name)
            left &= ~bits
    return "|".join(names)


def capability_names(bits: int) -> str:
    """A set of capabilities as text, separated by blanks."""
    return " ".join(name for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1)


def error_name(result: int) -> str:
    """``ENOENT`` for -2; the number as text for one without a name."""
    return errno.errorcode.get(-result, str(result))
