"""Ways to do a thing unseen: they are seen, and as what they are."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sidekick.sensor.decode import FLAG_COMPAT, FLAG_IO_URING
from sidekick.sensor.record import ExeFlag, Kind
from tests.ebpf import raw
from tests.ebpf.kernel import LIBC, Watcher, watching

CALLS = {"open", "openat", "openat2", "renameat2", "mkdirat", "unlinkat", "socket", "connect"}
x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="int 0x80 is x86's")


@pytest.fixture(scope="module")
def watcher() -> Iterator[Watcher]:
    with watching(CALLS) as found:
        yield found


def test_io_uring_opens_a_file(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    path = bytes(tmp_path / "secret")

    def act() -> None:
        assert raw.Uring().do(raw.OPENAT, fd=raw.AT_FDCWD, addr=path, flags=os.O_RDWR) > 2

    (record,) = watcher.calls_of(act, "openat")

    assert record.header.flags & FLAG_IO_URING
    assert record.file is not None
    assert record.file.path == path
    assert record.argument("name") == path
    assert record.argument("fd") == record.file.fd
    flags = record.argument("flags")
    assert isinstance(flags, int)
    assert flags & 3 == os.O_RDWR


def test_io_uring_opens_a_file_without_a_descriptor(watcher: Watcher, tmp_path: Path) -> None:
    def act() -> None:
        ring = raw.Uring()
        empty = (ctypes.c_int * 1)(-1)
        assert LIBC.syscall(427, ring.fd, 2, empty, 1) == 0  # IORING_REGISTER_FILES
        assert ring.do(raw.OPENAT, fd=raw.AT_FDCWD, addr=b"/etc/shadow", slot=1) == 0

    (record,) = watcher.calls_of(act, "openat")

    assert record.result == 0
    assert record.file is None  # not that of descriptor 0
    assert record.argument("name") == b"/etc/shadow"


def test_io_uring_fails_to_open(watcher: Watcher, tmp_path: Path) -> None:
    def act() -> None:
        os.chdir(tmp_path)
        assert raw.Uring().do(raw.OPENAT, fd=raw.AT_FDCWD, addr=b"absent") == -2

    (record,) = watcher.calls_of(act, "openat")

    assert record.result == -2
    assert record.argument("name") == b"absent"
    assert record.cwd == bytes(tmp_path)


def test_io_uring_makes_renames_and_removes(watcher: Watcher, tmp_path: Path) -> None:
    one, two = bytes(tmp_path / "one"), bytes(tmp_path / "two")

    def act() -> None:
        ring, here = raw.Uring(), raw.AT_FDCWD
        assert ring.do(raw.MKDIRAT, fd=here, addr=one, len=0o700) == 0
        assert ring.do(raw.RENAMEAT, fd=here, addr=one, len=here & 0xFFFFFFFF, offset=two) == 0
        assert ring.do(raw.UNLINKAT, fd=here, addr=two, flags=0x200) == 0

    made, moved, removed = watcher.calls_of(act)

    assert (made.type, made.argument("path"), made.argument("mode")) == ("mkdirat", one, 0o700)
    assert (moved.type, moved.argument("oldpath"), moved.argument("newpath")) == (
        *("renameat2", one),
        two,
    )
    assert (removed.type, removed.argument("name")) == ("unlinkat", two)


def test_io_uring_makes_a_socket(watcher: Watcher) -> None:
    def act() -> None:
        assert raw.Uring().do(raw.SOCKET, fd=socket.AF_INET, offset=socket.SOCK_STREAM) > 2

    (record,) = watcher.calls_of(act, "socket")

    assert record.argument("domain") == socket.AF_INET
    assert record.socket is not None
    assert record.socket.protocol == socket.IPPROTO_TCP


@x86
def test_a_32_bit_call_opens_a_file(watcher: Watcher, tmp_path: Path) -> None:
    path = bytes(tmp_path / "file")

    def act() -> None:
        call = raw.Int80()
        assert call(5, call.data(path + b"\0"), os.O_CREAT | os.O_WRONLY, 0o600) > 2  # open

    (record,) = watcher.calls_of(act, "open")

    assert record.header.flags & FLAG_COMPAT
    assert record.argument("name") == path
    assert record.argument("mode") == 0o600
    assert record.file is not None
    assert record.file.path == path


@x86
def test_a_32_bit_number_is_not_taken_for_a_64_bit_one(watcher: Watcher) -> None:
    """20 is writev for one and getpid for the other, 2 is open and fork."""
    assert watcher.calls_of(lambda: raw.Int80()(20)) == []


@x86
def test_socketcall_is_the_call_that_it_stands_for(watcher: Watcher) -> None:
    def act() -> None:
        call = raw.Int80()
        assert call(102, 1, call.data(struct.pack("<3I", 2, 2, 17))) > 2

    (record,) = watcher.calls_of(act, "socket")

    assert record.argument("domain") == socket.AF_INET
    assert record.argument("type") == socket.SOCK_DGRAM


def test_openat2_tells_its_flags(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "file"

    (record,) = watcher.calls_of(
        lambda: raw.openat2(str(path), os.O_CREAT | os.O_WRONLY, 0o600, 2), "openat2"
    )

    assert record.argument("flags") == os.O_CREAT | os.O_WRONLY
    assert record.argument("mode") == 0o600
    assert record.argument("resolve") == 2
    assert record.file is not None
    assert record.file.path == bytes(path)


def test_a_path_that_another_thread_rewrites_is_told_as_what_was_opened(
    watcher: Watcher, tmp_path: Path
) -> None:
    """The string is that of one file or the other; the file is what was opened."""
    for name in ("evil", "good"):
        (tmp_path / name).touch()
    inodes = {name: (tmp_path / name).stat().st_ino for name in ("evil", "good")}

    def act() -> None:
        text = ctypes.create_string_buffer(bytes(tmp_path / "evil"))
        last = ctypes.addressof(text) + len(text) - 5
        stop = threading.Event()

        def rewrite() -> None:
            while not stop.is_set():
                ctypes.memmove(last, b"good", 4)
                ctypes.memmove(last, b"evil", 4)

        racer = threading.Thread(target=rewrite)
        racer.start()
        for _ in range(2000):
            fd = LIBC.open(text, os.O_RDONLY)
            if fd >= 0:
                os.close(fd)
        stop.set()
        racer.join()

    records = watcher.calls_of(act, "openat")

    told = [record.file for record in records if record.file is not None]
    assert len(told) > 1000
    for file in told:
        assert file.ino == inodes[os.fsdecode(file.path).rpartition("/")[2]]


def test_a_bind_mount_does_not_hide_where_a_file_is(watcher: Watcher, tmp_path: Path) -> None:
    hidden, shown = tmp_path / "hidden", tmp_path / "shown"
    hidden.mkdir()
    shown.mkdir()
    (hidden / "file").touch()

    def act() -> None:
        raw.own_mounts()
        raw.mount(str(hidden), str(shown), flags=raw.MS_BIND)
        os.open(shown / "file", os.O_RDONLY)

    (record,) = watcher.calls_of(act, "openat")

    assert record.file is not None
    assert record.file.path == bytes(shown / "file")
    assert record.file.origin.endswith(bytes(hidden / "file")[-20:])


def test_a_chroot_does_not_shorten_a_path(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    def act() -> None:
        os.chroot(tmp_path)
        os.open("/file", os.O_RDONLY)

    (record,) = watcher.calls_of(act, "openat")

    assert record.file is not None
    assert record.file.path == bytes(tmp_path / "file")
    assert record.argument("name") == b"/file"


def test_a_thread_that_is_not_the_leader_is_told_as_itself(watcher: Watcher) -> None:
    def act() -> None:
        def work() -> None:
            Path("/proc/thread-self/comm").write_text("worker")
            os.open("/dev/null", os.O_RDONLY)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    records = watcher.calls_of(act, "openat")
    record = next(r for r in records if r.argument("name") == b"/dev/null")

    assert record.header.comm == b"worker"
    assert record.header.tid != record.header.pid


def test_a_program_in_memory_alone_is_told_as_such(watcher: Watcher) -> None:
    def act() -> None:
        memory = os.memfd_create("x")
        os.write(memory, Path("/bin/true").read_bytes())
        os.execve(memory, ["innocent"], {})

    record = next(r for r in watcher.records_of(act) if r.kind is Kind.EXEC)

    assert record["path"] == b"memfd:x"
    assert record["flags"] & ExeFlag.MEMFD
    assert record["args"] == b"innocent\0"


def test_a_program_in_a_containers_own_layer_is_told_as_such(
    watcher: Watcher, tmp_path: Path
) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    shutil.copy("/bin/true", tmp_path / "lower/image")

    def run(name: str) -> int:
        def act() -> None:
            raw.own_mounts()
            parts = ",".join(f"{part}dir={tmp_path}/{part}" for part in ("lower", "upper", "work"))
            raw.mount("overlay", f"{tmp_path}/merged", "overlay", data=parts)
            with suppress(FileExistsError):
                shutil.copy("/bin/true", tmp_path / "merged/dropped")
            os.execv(tmp_path / "merged" / name, [name])

        found = [r for r in watcher.records_of(act) if r.kind is Kind.EXEC]
        if not found:
            pytest.skip("overlay file systems cannot be mounted here")
        return int(found[0]["flags"])

    assert run("dropped") & ExeFlag.UPPER_LAYER
    assert run("image") & ExeFlag.LOWER_LAYER


def test_both_ends_of_a_connection_are_told(watcher: Watcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def act() -> None:
            socket.create_connection(("127.0.0.1", port))

        (record,) = watcher.calls_of(act, "connect")

    assert record.result == 0
    assert record.socket is not None
    assert record.socket.remote == bytes([127, 0, 0, 1])
    assert record.socket.remote_port == port
    assert record.socket.local_port > 0
    assert record.socket.protocol == socket.IPPROTO_TCP


def test_a_unix_connection_is_told_with_its_path(watcher: Watcher, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def act() -> None:
            socket.socket(socket.AF_UNIX).connect(path)

        (record,) = watcher.calls_of(act, "connect")

    assert record.socket is not None
    assert record.socket.family == socket.AF_UNIX
    assert record.socket.remote_path.rstrip(b"\0") == path.encode()
    assert record.address == struct.pack("<H", socket.AF_UNIX) + path.encode() + b"\0"
