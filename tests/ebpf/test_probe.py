"""Real programs in the real kernel: what a process does is told, as it was."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidekick.ebpf.probe import Probe
from sidekick.sensor import decode
from sidekick.sensor.decode import Record
from sidekick.sensor.record import Kind
from tests.ebpf.kernel import Watcher, watching

CALLS = {"openat", "execve", "chdir", "mkdir"}


@pytest.fixture(scope="module")
def watcher() -> Iterator[Watcher]:
    with watching(CALLS) as found:
        yield found


def test_an_open_file_is_told_with_its_path_and_its_flags(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "written"

    (record,) = watcher.calls_of(lambda: os.open(path, os.O_WRONLY | os.O_CREAT, 0o640), "openat")

    assert record.argument("name") == bytes(path)
    assert record.argument("flags") == os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    assert record.argument("mode") == 0o640
    assert record.argument("fd") == record.result
    assert record.argument("ino") == path.stat().st_ino
    assert record.argument("dev") == path.stat().st_dev
    assert record.file is not None
    assert record.file.path == bytes(path)
    assert record.file.mode == path.stat().st_mode


def test_a_relative_path_is_told_with_where_it_begins(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()

    def act() -> None:
        os.chdir(tmp_path / "below")
        os.open("../absent", os.O_RDONLY)

    (record,) = watcher.calls_of(act, "openat")

    assert record.result == -2
    assert record.argument("name") == b"../absent"
    assert record.cwd == bytes(tmp_path / "below")
    assert record.file is None


def test_the_walked_path_is_where_links_and_dots_lead(watcher: Watcher, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch()
    (tmp_path / "link").symlink_to("target")

    (record,) = watcher.calls_of(
        lambda: os.open(f"/proc/self/root{tmp_path}/../{tmp_path.name}/link", os.O_RDONLY), "openat"
    )

    assert record.file is not None
    assert record.file.path == bytes(target)


def test_a_directory_argument_is_told_as_a_path(watcher: Watcher, tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)

    (record,) = watcher.calls_of(lambda: os.open("absent", os.O_RDONLY, dir_fd=directory), "openat")
    os.close(directory)

    assert record.argument("dirfd") == directory
    assert record.text("dirfd") == bytes(tmp_path)


def test_a_program_is_told_with_all_that_rules_ask(watcher: Watcher, tmp_path: Path) -> None:
    def act() -> None:
        os.chdir(tmp_path)
        os.execve(sys.executable, ["name", "-S", "-c", "pass"], {"PLACE": "here", "OTHER": ""})

    record = _one(watcher.records_of(act), Kind.EXEC)

    executable = Path(sys.executable).resolve()
    assert record.type == "execve"
    assert record["path"] == bytes(executable)
    assert record["args"] == b"name\0-S\0-c\0pass\0"
    assert record["env"] == b"PLACE=here\0OTHER=\0"
    assert record["cwd"] == bytes(tmp_path)
    assert record["ino"] == executable.stat().st_ino
    assert record["mtime_ns"] == executable.stat().st_mtime_ns
    assert record["ctime_ns"] == executable.stat().st_ctime_ns
    assert record.header.comm == Path(sys.executable).name.encode()
    assert record.header.ppid == os.getpid()


def test_a_failed_execution_is_told_as_a_call(watcher: Watcher) -> None:
    (record,) = watcher.calls_of(lambda: os.execv("/absent", ["some", "words"]), "execve")

    assert record.result == -2
    assert record.argument("filename") == b"/absent"
    assert record.text("argv") == b"some\0words\0"


def test_who_it_was_is_told_with_every_record(watcher: Watcher, tmp_path: Path) -> None:
    def act() -> None:
        os.setsid()
        os.setgid(12)
        os.setuid(34)
        os.open("/dev/null", os.O_RDONLY)

    (record,) = watcher.calls_of(act, "openat")

    header = record.header
    assert (header.uid, header.gid) == (34, 12)
    assert header.sid == header.pgid == header.pid == header.tid == header.vpid
    assert header.cap_effective == 0
    assert header.tty == 0


def test_the_life_of_a_process_is_told_in_order(watcher: Watcher) -> None:
    def act() -> None:
        if not os.fork():
            os._exit(3)
        os.wait()

    records = watcher.records_of(act)

    child = _one(records, Kind.FORK)["child_pid"]
    (end,) = [r for r in records if r.kind is Kind.EXIT and r.header.pid == child]
    assert end["status"] == 3 << 8
    assert end["last"] == 1
    assert records.index(end) > records.index(_one(records, Kind.FORK))
    assert end.header.start_ns == _one(records, Kind.FORK)["child_start_ns"]


def test_the_same_call_has_the_same_identity(watcher: Watcher, tmp_path: Path) -> None:
    names = ["a", "a", "b", "a"]
    for name in set(names):
        (tmp_path / name).touch()

    def act() -> None:
        keep = []
        for name in names:
            path = os.fsencode(tmp_path / name)
            keep.append(path)  # so that the next one lies elsewhere in memory
            os.close(os.open(path, os.O_RDONLY))
        os.close(os.open(tmp_path / "a", os.O_RDWR))
        os.open(tmp_path / "a", os.O_RDONLY)
        os.open(tmp_path / "a", os.O_RDONLY)

    same, again, other, third, written, kept, higher = (
        record.identity
        for record in watcher.calls_of(act, "openat")
        if str(tmp_path).encode() in (record.text("name") or b"")
    )
    assert same == again == third == kept
    assert hash(same) == hash(again)
    assert len({same, other, written, higher}) == 4, "path, flags and descriptor"


def test_what_nobody_asked_for_is_not_told_but_for_state(watcher: Watcher, tmp_path: Path) -> None:
    def act() -> None:
        os.rmdir(tmp_path)
        os.chdir("/")

    assert [record.type for record in watcher.calls_of(act)] == ["chdir"]


def test_the_probes_own_process_is_left_out(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "own").touch()

    records = watcher.calls_of(lambda: (tmp_path / "other").touch(), "openat")

    assert [record.argument("name") for record in records] == [bytes(tmp_path / "other")]


def test_nothing_was_lost(watcher: Watcher) -> None:
    assert set(watcher.probe.losses().values()) == {0}


def test_the_record_flags_are_those_of_the_header(watcher: Watcher) -> None:
    told = watcher.probe.enums["record_flag"]
    assert {f"FLAG_{name}" for name in ("STATE", "COMPAT", "IO_URING", "FILE")} <= told.keys()
    assert {name: getattr(decode, name) for name in told} == told


def test_the_kinds_of_records_are_those_of_the_header(watcher: Watcher) -> None:
    told = watcher.probe.enums["record_kind"]

    assert {f"KIND_{kind.name}": kind.value for kind in Kind} == told


def test_two_probes_at_once_both_tell() -> None:
    with watching({"mkdir"}) as first, watching({"mkdir"}) as second:
        records = first.calls_of(lambda: os.mkdir("/proc/absent"), "mkdir")

        assert [record.result for record in records] == [-2]
        assert _told(second.probe)


def _told(probe: Probe) -> bool:
    return bool(probe.drain())


def _one(records: list[Record], kind: Kind) -> Record:
    (found,) = [record for record in records if record.kind is kind]
    return found
