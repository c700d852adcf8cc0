from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sidekick.sensor import procfs
from sidekick.sensor.record import ExeFlag


def test_this_process_is_seen_as_it_is() -> None:
    found = procfs.read_process(os.getpid())
    assert found is not None
    assert found.ppid == os.getppid()
    assert found.exepath == os.path.realpath("/proc/self/exe")
    assert found.cwd == os.getcwd()
    assert found.sid == os.getsid(0)
    assert found.argv is not None
    assert found.argv.split(b"\0")[0] != b""
    assert found.exe_ino == os.stat("/proc/self/exe").st_ino
    assert not found.exact
    status = Path("/proc/self/status").read_text()
    assert f"CapEff:\t{found.cap_effective:016x}" in status
    assert f"CapPrm:\t{found.cap_permitted:016x}" in status


def test_one_that_is_gone_is_none(tmp_path: Path) -> None:
    assert procfs.read_process(1, tmp_path) is None


def test_a_name_with_parentheses_does_not_confuse() -> None:
    code = "import sys; open('/proc/self/comm', 'w').write(') 1 (x'); print(); sys.stdout.flush()"
    child = subprocess.Popen(
        [sys.executable, "-c", code + "; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        found = procfs.read_process(child.pid)
        child.communicate()
    assert found is not None
    assert found.comm == ") 1 (x"
    assert found.ppid == os.getpid()


def test_a_program_from_memory_is_told() -> None:
    code = "import sys; sys.stdin.read()"
    handle = os.memfd_create("payload", 0)
    with open(sys.executable, "rb") as python, open(handle, "wb", closefd=False) as file:
        file.write(python.read())
    child = subprocess.Popen(
        [f"/proc/self/fd/{handle}", "-c", code],
        pass_fds=[handle],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONHOME": sys.base_prefix},
    )
    with child:
        found = procfs.read_process(child.pid)
        child.communicate()
    os.close(handle)
    assert found is not None
    assert found.exepath == "memfd:payload"
    assert found.exe_flags & ExeFlag.MEMFD


def test_every_process_is_listed() -> None:
    found = procfs.process_ids()
    assert os.getpid() in found
    assert os.getppid() in found


@pytest.mark.parametrize(("apart_ms", "same"), [(0, True), (20, True), (40, False)])
def test_starts_are_compared_as_exactly_as_proc_tells_them(apart_ms: int, same: bool) -> None:
    assert procfs.same_start(5_000_000_000 + apart_ms * 1_000_000, 5_000_000_000) is same
