from __future__ import annotations

import os

import pytest

from sidekick.sensor import flags
from sidekick.sensor.flags import (
    capability_names,
    error_name,
    flag_names,
    open_flags,
)

TMPFILE = 0o20200000


@pytest.mark.parametrize(
    ("kernel", "number", "text"),
    [
        (os.O_RDONLY, 1, "O_RDONLY"),
        (os.O_WRONLY, 2, "O_WRONLY"),
        (os.O_RDWR, 3, "O_RDWR"),
        (os.O_RDONLY | os.O_CLOEXEC, 4097, "O_RDONLY|O_CLOEXEC"),
        (os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 262, "O_TRUNC|O_CREAT|O_WRONLY"),
        (os.O_WRONLY | os.O_CREAT | os.O_APPEND, 14, "O_APPEND|O_CREAT|O_WRONLY"),
        (os.O_WRONLY | os.O_CREAT | os.O_EXCL, 38, "O_EXCL|O_CREAT|O_WRONLY"),
        (os.O_RDONLY | os.O_NONBLOCK, 65, "O_NONBLOCK|O_RDONLY"),
        (os.O_RDONLY | os.O_DIRECTORY, 9217, "O_DIRECTORY|O_RDONLY|O_TMPFILE"),
        (os.O_RDWR | TMPFILE, 9219, "O_DIRECTORY|O_RDWR|O_TMPFILE"),
        (os.O_WRONLY | os.O_DSYNC, 146, "O_SYNC|O_DSYNC|O_WRONLY"),
        (os.O_RDONLY | 0o100000, 2049, "O_LARGEFILE|O_RDONLY"),
        (os.O_RDONLY | os.O_DIRECT, 513, "O_DIRECT|O_RDONLY"),
    ],
)
def test_the_flags_of_an_open(kernel: int, number: int, text: str) -> None:
    assert open_flags(kernel) == number
    assert flag_names(number, flags.OPEN) == text


def test_a_file_that_the_open_made_is_told() -> None:
    assert flag_names(open_flags(os.O_WRONLY | os.O_CREAT, created=True), flags.OPEN) == (
        "O_CREAT|O_WRONLY|O_F_CREATED"
    )


def test_no_flag_has_a_name_only_where_the_table_has_one() -> None:
    assert flag_names(0, flags.OPEN) == "O_NONE"
    assert flag_names(0, flags.MODE) == ""


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (0o4755, "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID"),
        (0o2000, "S_ISGID"),
        (0o1777, "S_IXOTH|S_IWOTH|S_IROTH|S_IXGRP|S_IWGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISVTX"),
        (0o600, "S_IWUSR|S_IRUSR"),
    ],
)
def test_modes(mode: int, text: str) -> None:
    assert flag_names(mode, flags.MODE) == text


@pytest.mark.parametrize(
    ("table", "number", "text"),
    [
        (flags.FAMILY, 1, "AF_LOCAL|AF_UNIX"),
        (flags.FAMILY, 2, "AF_INET"),
        (flags.FAMILY, 10, "AF_INET6"),
        (flags.FAMILY, 16, "AF_NETLINK|AF_ROUTE"),
        (flags.FAMILY, 17, "AF_PACKET"),
        (flags.FAMILY, 38, "AF_ALG"),
        (flags.FAMILY, 40, "AF_VSOCK"),
        (flags.PTRACE, 0, "PTRACE_TRACEME"),
        (flags.PTRACE, 4, "PTRACE_POKETEXT"),
        (flags.PTRACE, 5, "PTRACE_POKEDATA"),
        (flags.PTRACE, 13, "PTRACE_SETREGS"),
        (flags.PTRACE, 16, "PTRACE_ATTACH"),
        (flags.PTRACE, 0x4206, "PTRACE_SEIZE"),
        (flags.BPF, 5, "BPF_PROG_LOAD"),
        (flags.BPF, 28, "BPF_LINK_CREATE"),
    ],
)
def test_numbers_with_names(table: dict[int, str], number: int, text: str) -> None:
    assert table[number] == text


def test_what_a_process_unshares() -> None:
    assert flag_names(0x10020000, flags.CLONE) == "CLONE_NEWNS|CLONE_NEWUSER"


def test_capabilities_are_text_with_blanks() -> None:
    assert capability_names(0) == ""
    assert capability_names(1 << 21 | 1 << 1) == "CAP_DAC_OVERRIDE CAP_SYS_ADMIN"
    assert capability_names((1 << 41) - 1).split()[-1] == "CAP_CHECKPOINT_RESTORE"
    assert capability_names(1 << 63) == ""


def test_errors_have_names() -> None:
    assert error_name(-2) == "ENOENT"
    assert error_name(-115) == "EINPROGRESS"
    assert error_name(-4000) == "-4000"
