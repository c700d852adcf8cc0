"""Processes are born in several ways."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
from collections.abc import Callable

import pytest

from sidekick.sensor.record import Kind
from tests.ebpf.kernel import LIBC, watching


def _by_fork() -> None:
    if not os.fork():
        os._exit(0)
    os.wait()


def _by_clone3() -> None:
    arguments = struct.pack("<11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0)
    if not LIBC.syscall(435, arguments, len(arguments)):
        os._exit(0)
    os.wait()


def _by_vfork() -> None:
    subprocess.run(["/bin/true"], check=True, cwd="/")  # without cwd it may be posix_spawn


@pytest.mark.parametrize(
    ("call", "act"), [("clone", _by_fork), ("clone3", _by_clone3), ("vfork", _by_vfork)]
)
def test_whatever_call_makes_a_process_its_birth_is_told(
    call: str, act: Callable[[], None]
) -> None:
    with watching({"clone", "clone3", "fork", "vfork"}) as watcher:
        records = watcher.records_of(act)

    (birth,) = [record for record in records if record.kind is Kind.FORK]
    child = birth["child_pid"]
    told = [record for record in records if record.type == call and record.kind is Kind.CALL]
    assert birth.header.pid != child == birth["child_tid"]
    assert any(record.result == child for record in told)
    assert any(r.kind is Kind.EXIT and r.header.pid == child for r in records)
