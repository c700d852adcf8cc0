"""The filter of system calls: judged as the kernel judges it, and in force in a real process."""

from __future__ import annotations

import errno
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.ebpf.calls import all_calls
from sidekick.sensor.seccomp import FAMILIES, FORBIDDEN, MAP_COMMANDS, PARTLY, program

X86, ARM = 0xC000003E, 0xC00000B7
PID = 4321
ALLOWED, REFUSED, MISSING = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
CLONE_THREAD = 0x10000
CALLS = {**FORBIDDEN, **PARTLY}


def judged(text: bytes, number: int, abi: int, first: int = 0) -> int:
    """What a filter says, by the rules of classic BPF."""
    data = struct.pack("<iIQ6Q", number, abi, 0, first, *range(5))
    code = list(struct.iter_unpack("HBBI", text))
    place = taken = 0
    while True:
        operation, then, otherwise, value = code[place]
        place += 1
        match operation:
            case 0x20:
                (taken,) = struct.unpack_from("<I", data, value)
            case 0x15:
                place += then if taken == value else otherwise
            case 0x45:
                place += then if taken & value else otherwise
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"operation {operation:#x}")


@pytest.mark.parametrize(("machine", "abi", "column"), [("x86_64", X86, 0), ("aarch64", ARM, 1)])
class TestOfEachMachine:
    def test_what_is_forbidden_is_refused(self, machine: str, abi: int, column: int) -> None:
        text = program(machine, PID)
        for name, numbers in FORBIDDEN.items():
            number = numbers[column]
            if number is not None:
                assert judged(text, number, abi, CLONE_THREAD) == REFUSED, name

    @pytest.mark.parametrize(
        ("name", "first", "wanted"),
        [
            *(("bpf", command, ALLOWED) for command in MAP_COMMANDS),
            *(("bpf", command, REFUSED) for command in (0, 5, 8, 13, 28, 1 << 31)),
            *(("socket", family, ALLOWED) for family in FAMILIES),
            *(("socket", family, REFUSED) for family in (0, 17, 38, 40)),  # packet, alg, vsock
            ("tgkill", PID, ALLOWED),
            ("tgkill", 1, REFUSED),
            ("clone", CLONE_THREAD | 0x100, ALLOWED),
            ("clone", 17, REFUSED),  # a process, with SIGCHLD
            ("clone", 0x20000000, REFUSED),  # CLONE_NEWPID
            ("clone3", 0, MISSING),
            ("seccomp", 0, ALLOWED),
        ],
    )
    def test_what_is_allowed_in_part_is_judged_by_its_first_argument(
        self, machine: str, abi: int, column: int, name: str, first: int, wanted: int
    ) -> None:
        number = PARTLY[name][column]
        assert number is not None
        assert judged(program(machine, PID), number, abi, first) == wanted

    def test_everything_else_is_allowed(self, machine: str, abi: int, column: int) -> None:
        known = {numbers[column] for numbers in CALLS.values()}
        text = program(machine, PID)
        for number in set(range(480)) - known:
            assert judged(text, number, abi) == ALLOWED

    @given(number=st.integers(0, 2**31 - 1), first=st.integers(0, 2**64 - 1))
    def test_other_abis_get_nothing(
        self, machine: str, abi: int, column: int, number: int, first: int
    ) -> None:
        text = program(machine, PID)
        for other in (0x40000003, 0x40000028, X86 ^ 1, {X86: ARM, ARM: X86}[abi]):
            assert judged(text, number, other, first) == REFUSED
        if machine == "x86_64":
            assert judged(text, 0x40000000 | number % 600, abi, first) == REFUSED  # x32


def test_the_numbers_are_those_of_the_table_of_calls() -> None:
    for name, numbers in CALLS.items():
        if (call := all_calls().get(name)) is not None:
            table = (call.numbers["x86_64"], call.numbers["arm64"])
            assert tuple(next(iter(found), None) for found in table) == numbers, name


@pytest.mark.parametrize(
    ("header", "column"), [("x86_64-linux-gnu/asm/unistd_64.h", 0), ("asm-generic/unistd.h", 1)]
)
def test_the_numbers_are_those_of_the_kernels_headers(header: str, column: int) -> None:
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip(f"{path} is missing: install linux-libc-dev")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())
    numbers = {name: int(number) for name, number in found}
    for name, known in CALLS.items():
        assert numbers.get(name) == known[column] or name not in numbers, name


TRIES = """
import ctypes, os, socket, sys, threading
from pathlib import Path
from sidekick.sensor import privileges, seccomp

early = threading.Event(), []
def other():
    early[0].wait(20)
    early[1].append(refused(lambda: os.kill(os.getppid(), 0)))
def refused(act):
    try:
        act()
    except PermissionError:
        return True
    except OSError as error:
        return error.errno
    return False
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    def act():
        column = os.uname().machine == "aarch64"
        number = (seccomp.FORBIDDEN | seccomp.PARTLY)[name][column]
        if libc.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), name)
    return act

thread = threading.Thread(target=other)
thread.start()
privileges.drop()
seccomp.confine()
for name in ("ptrace", "mount", "unshare", "setns", "init_module", "reboot", "keyctl", "chroot",
             "perf_event_open", "io_uring_setup", "setuid", "capset", "kexec_load"):
    print(name, refused(call(name, 0, 0, 0, 0, 0)))
print("bpf", refused(call("bpf", 5, 0, 0)))
print("fork", refused(os.fork))
print("exec", refused(lambda: os.execv("/bin/true", ["true"])))
print("kill", refused(lambda: os.kill(os.getppid(), 0)))
print("packet", refused(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)))
early[0].set()
thread.join()
print("thread", early[1][0])
made = []
more = threading.Thread(target=made.append, args=[1])
more.start(); more.join()
socket.create_server(("127.0.0.1", 0)).close()
socket.socket(socket.AF_UNIX).close()
socket.getaddrinfo("localhost", 80)
Path(sys.argv[1]).write_text("x")
Path("/proc/self/status").read_text()
print("works", made == [1])
print("missing", refused(call("clone3", 0, 0)))
"""


def test_in_a_real_process_what_is_forbidden_fails_and_the_rest_works(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", TRIES, str(tmp_path / "file")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    found = dict(line.split() for line in told.stdout.splitlines())
    assert found.pop("missing") == str(errno.ENOSYS)
    assert found.pop("works") == "True"
    assert len(found) > 15
    assert set(found.values()) == {"True"}, found
