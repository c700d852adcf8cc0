"""The table of system calls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sidekick.ebpf.calls import ARGUMENTS, SOCKET_CALL, all_calls, call_numbers, socketcall_number
from sidekick.rules.event_types import EVENT_TYPES

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "i386": Path("/usr/include/x86_64-linux-gnu/asm/unistd_32.h"),
    "arm64": Path("/usr/include/asm-generic/unistd.h"),
}
_OFFICIAL = """
accept accept4 bpf chmod connect creat dup dup2 dup3 execve execveat fchmod fchmodat finit_module
init_module link linkat listen mkdir mkdirat open openat openat2 ptrace recvfrom recvmsg rename
renameat renameat2 rmdir sendmsg sendto setns setuid socket symlink symlinkat unlink unlinkat
unshare userfaultfd
"""


def test_every_event_type_of_the_official_rules_is_there() -> None:
    assert set(_OFFICIAL.split()) <= all_calls().keys()


def test_every_call_is_an_event_type_that_rules_may_name() -> None:
    assert all_calls().keys() - EVENT_TYPES <= {"fchmodat2"}


def test_numbers_of_ours_are_those_of_places_in_the_kernels_table() -> None:
    numbers = [call.number for call in all_calls().values()]

    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers[-1] < SOCKET_CALL


@pytest.mark.parametrize("abi", HEADERS)
def test_the_kernels_numbers_are_those_of_its_headers(abi: str) -> None:
    if not HEADERS[abi].exists():
        pytest.skip(f"{HEADERS[abi]} is not here (Debian: linux-libc-dev)")
    told = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[abi].read_text())
    known = {name: int(number) for name, number in told}

    for call in all_calls().values():
        if call.name in known:
            assert known[call.name] in call.numbers[abi], call.name
        elif call.name != "fchmodat2":  # newer than many headers
            assert not call.numbers[abi], call.name


@pytest.mark.parametrize(("machine", "socketcall"), [("x86_64", 102), ("aarch64", None)])
def test_no_number_stands_for_two_calls(machine: str, socketcall: int | None) -> None:
    pairs = [(abi, number) for abi, number, _ in call_numbers(machine)]

    assert len(pairs) == len(set(pairs))
    assert socketcall_number(machine) == socketcall


def test_every_parameter_comes_from_somewhere() -> None:
    elsewhere = {"res", "fd", "dev", "ino", "tuple", "size", "path", "creat_flags"}
    elsewhere |= {"queuepct", "queuelen", "queuemax", "arg2_str", "arg2_int"}
    parts = {"open_how": {"flags", "mode", "resolve"}, "fd_pair": {"fd1", "fd2"}}
    parts["clone_args"] = {"flags"}
    parts["capabilities"] = {"cap_inheritable", "cap_permitted", "cap_effective"}

    for call in all_calls().values():
        assert len(call.arguments) <= ARGUMENTS
        known = {argument.name for argument in call.arguments} | elsewhere
        for argument in call.arguments:
            known |= parts.get(argument.kind, set())
        assert set(call.parameters) <= known, call.name


def test_a_paths_directory_stands_before_it() -> None:
    for call in all_calls().values():
        for argument, following in zip(call.arguments, call.arguments[1:], strict=False):
            if argument.kind == "dirfd" and call.name != "open_by_handle_at":
                assert following.kind == "path", call.name
