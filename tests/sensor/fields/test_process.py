from __future__ import annotations

from typing import Any

import pytest

from sidekick.sensor.record import ExeFlag
from sidekick.sensor.users import UNSET
from tests.sensor.fields.events import BOOT_NS, CGROUP, CONTAINER, event, knowledge
from tests.sensor.records import Header as AnyHeader
from tests.sensor.records import call_record, exec_record, fork_record

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("proc.name", "cat"),
        ("proc.exe", "/bin/cat"),
        ("proc.args", "-n /etc/shadow"),
        ("proc.cmdline", "cat -n /etc/shadow"),
        ("proc.exeline", "/bin/cat -n /etc/shadow"),
        ("proc.exepath", "/bin/cat"),
        ("proc.cwd", "/root/"),
        ("proc.env", "PATH=/bin GLIBC_TUNABLES=x"),
        ("proc.env[GLIBC_TUNABLES]", "x"),
        ("proc.env[NONE]", None),
        ("proc.pname", "bash"),
        ("proc.pexe", "-bash"),
        ("proc.pexepath", "/bin/bash"),
        ("proc.pcmdline", "bash"),
        ("proc.aname", ("bash", "sshd", "systemd")),
        ("proc.aexe", ("-bash", "sshd: ann", "/sbin/init")),
        ("proc.aexepath", ("/bin/bash", "/usr/sbin/sshd", "/usr/lib/systemd/systemd")),
        ("proc.acmdline", ("bash", "sshd", "systemd")),
        ("proc.apid", (50, 30, 1)),
        ("proc.aname[0]", "cat"),
        ("proc.aname[1]", "bash"),
        ("proc.aname[2]", "sshd"),
        ("proc.aname[3]", "systemd"),
        ("proc.aname[4]", None),
        ("proc.aname[999999]", None),
        ("proc.aexe[2]", "sshd: ann"),
        ("proc.aexepath[1]", "/bin/bash"),
        ("proc.acmdline[0]", "cat -n /etc/shadow"),
        ("proc.apid[2]", 30),
        ("proc.aenv[LANG]", ("C",)),
        ("proc.sname", "bash"),
        ("proc.sid.exepath", "/bin/bash"),
        ("proc.pid", 100),
        ("proc.ppid", 50),
        ("proc.vpid", 100),
        ("proc.pvpid", 50),
        ("proc.tty", 34_816),
        ("proc.duration", 1 * SECOND),
        ("proc.ppid.duration", 8 * SECOND),
        ("proc.pid.ts", BOOT_NS + 9 * SECOND),
        ("proc.is_vpgid_leader", True),
        ("proc.is_sid_leader", False),
        ("proc.loginshellid", 50),
        ("proc.exe_ino", 7),
        ("proc.exe_ino.mtime", 1_600_000_000_000_000_000),
        ("thread.tid", 100),
        ("thread.ismain", True),
        ("thread.cap_effective", "CAP_SYS_ADMIN"),
        ("thread.cap_permitted", ""),
        ("user.uid", 0),
        ("user.name", "root"),
        ("group.gid", 0),
        ("group.name", "root"),
    ],
)
def test_fields_of_a_process(key: str, value: Any) -> None:
    record = exec_record(
        b"/bin/cat\0-n\0/etc/shadow",
        cwd=b"/root",
        env=b"PATH=/bin\0GLIBC_TUNABLES=x",
        tty=34_816,
        cap_effective=1 << 21,
    )
    assert event(record)[key] == value


def test_without_a_parent_there_is_no_ancestor() -> None:
    found = event(call_record(ppid=0))
    assert found["proc.pname"] is None
    assert found["proc.aname"] is None
    assert found["proc.aname[1]"] is None


def test_nobody_logged_in() -> None:
    found = event(call_record(login_uid=UNSET))
    assert (found["user.loginuid"], found["user.loginname"]) == (-1, "<NA>")
    assert event(call_record(login_uid=0))["user.loginname"] == "root"


def test_a_user_without_a_name() -> None:
    found = event(call_record(uid=4_000_000, gid=4_000_000))
    assert (found["user.name"], found["group.name"]) == ("<NA>", "<NA>")


@pytest.mark.parametrize(
    ("flag", "field"),
    [
        (ExeFlag.WRITABLE, "proc.is_exe_writable"),
        (ExeFlag.UPPER_LAYER, "proc.is_exe_upper_layer"),
        (ExeFlag.LOWER_LAYER, "proc.is_exe_lower_layer"),
        (ExeFlag.MEMFD, "proc.is_exe_from_memfd"),
    ],
)
def test_what_is_known_of_the_executable(flag: ExeFlag, field: str) -> None:
    assert event(exec_record(exe_flags=int(flag)))[field] is True
    assert event(exec_record(exe_flags=0))[field] is False


@pytest.mark.parametrize(
    ("changed_ns", "passed"),
    [
        (BOOT_NS + 8 * SECOND, 1 * SECOND),
        (BOOT_NS + 9 * SECOND, None),
        (BOOT_NS + 99 * SECOND, None),
        (0, None),
    ],
)
def test_how_old_the_executable_was(changed_ns: int, passed: int | None) -> None:
    found = event(exec_record(ctime_ns=changed_ns))
    assert found["proc.exe_ino.ctime_duration_proc_start"] == passed


def test_a_threads_name_is_its_own_but_its_process_has_another() -> None:
    known = knowledge()
    main = event(call_record(comm=b"java"), known)
    assert main["proc.name"] == "java"
    worker = event(call_record(comm=b"worker", tid=101), known)
    assert worker["proc.name"] == "worker"
    assert worker["thread.ismain"] is False
    known.processes.forked(fork_record(AnyHeader(comm=b"worker", tid=101), 200))
    child = event(call_record(pid=200, tid=200, ppid=100, start_ns=9_500_000_000), known)
    assert child["proc.pname"] == "java"


def test_in_a_container_its_id_is_known_without_a_runtime() -> None:
    found = event(call_record(cgroup_id=CGROUP))
    assert found["container.id"] == CONTAINER[:12]
    assert found["container.full_id"] == CONTAINER
    assert found["container.type"] == "docker"
    assert found["container.name"] is None
    assert found["container.image.repository"] is None
