"""Ways to do a thing unseen, under Falco's own rules: each is their alert, not only an event."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sidekick.rule_packs import pack_files
from tests.ebpf import raw
from tests.ebpf.kernel import LIBC, in_child, need_kernel
from tests.rules.loading import OFFICIAL, needs_official_files
from tests.sensor.kernel import Running, running

pytestmark = needs_official_files
SHADOW = "/etc/shadow"
CONFIG = """
rules: {matching: all, select: [{enable: {rule: "*"}}]}
listen: {address: 127.0.0.1, port: 0}
admin: {enabled: false}
dedup: {enabled: false}
sensor: {repeats: 0}
"""
PR_SET_NAME = 15
x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="int 0x80 is x86's")


@pytest.fixture(scope="module")
def sidekick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    need_kernel()
    state = tmp_path_factory.mktemp("evasion")
    config = state / "sidekick.yaml"
    config.write_text(CONFIG)
    files = [OFFICIAL / "falco_rules.yaml", OFFICIAL / "falco-incubating_rules.yaml"]
    rules = [argument for file in [*files, *pack_files()] for argument in ("--rules", str(file))]
    with running("run", "--json", "-c", str(config), *rules, state=state) as found:
        found.hears("the sensor watches")
        yield found


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="evasion-") as name:
        yield Path(name)


def done(act: Callable[[], object], name: str) -> None:
    """In a process of that name."""

    def named() -> None:
        LIBC.prctl(PR_SET_NAME, name.encode())
        act()

    in_child(named)


def told(sidekick: Running, rule: str, name: str) -> dict[str, Any]:
    """What an alert of a rule says of a process of that name."""
    found: dict[str, Any] = sidekick.alert(rule, proc_name=name)["output_fields"]
    return found


def relative(folder: Path) -> None:
    os.chdir("/etc")
    os.open("shadow", os.O_RDONLY)


def relative_to_a_descriptor(folder: Path) -> None:
    directory = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    os.open("shadow", os.O_RDONLY, dir_fd=directory)


def symbolic_link(folder: Path) -> None:
    (folder / "link").symlink_to(SHADOW)
    os.open(folder / "link", os.O_RDONLY)


def symbolic_link_to_the_folder(folder: Path) -> None:
    (folder / "link").symlink_to("/etc")
    os.open(folder / "link/shadow", os.O_RDONLY)


def bound_folder(folder: Path) -> None:
    raw.own_mounts()
    raw.mount("/etc", str(folder), flags=raw.MS_BIND)
    os.open(folder / "shadow", os.O_RDONLY)


def bound_file(folder: Path) -> None:
    raw.own_mounts()
    (folder / "file").touch()
    raw.mount(SHADOW, str(folder / "file"), flags=raw.MS_BIND)
    os.open(folder / "file", os.O_RDONLY)


def bound_root(folder: Path) -> None:
    raw.own_mounts()
    raw.mount("/", str(folder), flags=raw.MS_BIND)
    os.open(folder / "etc/shadow", os.O_RDONLY)


def detached_mount(folder: Path) -> None:
    tree = LIBC.syscall(428, raw.AT_FDCWD, b"/etc", 1)  # open_tree, OPEN_TREE_CLONE
    assert tree >= 0
    os.open("shadow", os.O_RDONLY, dir_fd=tree)


def by_its_own_folder(folder: Path) -> None:
    os.chdir("/etc")
    os.open("/proc/self/cwd/shadow", os.O_RDONLY)


def changed_root(folder: Path) -> None:
    os.chroot("/etc")
    os.open("/shadow", os.O_RDONLY)


def path_alone_then_opened(folder: Path) -> None:
    path = os.open(SHADOW, os.O_PATH)
    os.open(f"/proc/self/fd/{path}", os.O_RDONLY)


def handle(folder: Path) -> None:
    handle = (ctypes.c_uint32 * 40)(128)
    mount = ctypes.c_int()
    assert (
        LIBC.name_to_handle_at(raw.AT_FDCWD, SHADOW.encode(), handle, ctypes.byref(mount), 0) == 0
    )
    root = os.open("/", os.O_RDONLY)
    assert LIBC.open_by_handle_at(root, handle, os.O_RDONLY) >= 0


def uring(folder: Path) -> None:
    assert raw.Uring().do(raw.OPENAT, fd=raw.AT_FDCWD, addr=SHADOW.encode()) > 2


def uring_relative(folder: Path) -> None:
    os.chdir("/etc")
    assert raw.Uring().do(raw.OPENAT, fd=raw.AT_FDCWD, addr=b"shadow") > 2


def call_of_32_bits(folder: Path) -> None:
    call = raw.Int80()
    assert call(5, call.data(SHADOW.encode() + b"\0"), os.O_RDONLY) > 2


def thread(folder: Path) -> None:
    worker = threading.Thread(target=os.open, args=(SHADOW, os.O_RDONLY))
    worker.start()
    worker.join()


READS = [
    ("relative", relative),
    ("descriptor", relative_to_a_descriptor),
    ("climbing", lambda _: os.open("/etc/../usr/../etc/./shadow", os.O_RDONLY)),
    ("slashes", lambda _: os.open("//etc///shadow", os.O_RDONLY)),
    ("symbolic", symbolic_link),
    ("symbolic-up", symbolic_link_to_the_folder),
    ("bound-folder", bound_folder),
    ("bound-file", bound_file),
    ("bound-root", bound_root),
    ("detached", detached_mount),
    ("proc-root", lambda _: os.open("/proc/self/root/etc/shadow", os.O_RDONLY)),
    ("proc-of-other", lambda _: os.open(f"/proc/{os.getppid()}/root/etc/shadow", os.O_RDONLY)),
    ("proc-cwd", by_its_own_folder),
    ("changed-root", changed_root),
    ("o-path", path_alone_then_opened),
    ("handle", handle),
    ("openat2", lambda _: raw.openat2(SHADOW, os.O_RDONLY)),
    ("read-write", lambda _: os.open(SHADOW, os.O_RDWR)),
    ("io-uring", uring),
    ("io-uring-rel", uring_relative),
    ("thread", thread),
    pytest.param("bits-32", call_of_32_bits, marks=x86),
]


@pytest.mark.parametrize(("way", "read"), READS)
def test_a_read_of_the_passwords_is_told(
    sidekick: Running, folder: Path, way: str, read: Callable[[Path], object]
) -> None:
    done(lambda: read(folder), way)
    assert told(sidekick, "Password file read", way)["fd.name"].endswith("/shadow")


def test_the_passwords_are_told_while_somebody_rewrites_their_path(
    sidekick: Running, folder: Path
) -> None:
    """Whatever the text says when it is looked at: as many reads are told as there were."""
    harmless = (folder / "shadow").resolve()
    harmless.touch()
    inode = os.stat(SHADOW).st_ino
    reads = folder / "reads"

    def act() -> None:
        text = mmap.mmap(-1, 4096)
        place = ctypes.addressof(ctypes.c_char.from_buffer(text))
        whole = [one.ljust(4095, b"\0") for one in (SHADOW.encode(), bytes(harmless))]
        racer = os.fork()
        while not racer:
            for one in whole:
                ctypes.memmove(place, one, len(one))
        opened = Counter[bool]()
        while min(opened[True], opened[False]) < 20:
            fd = LIBC.open(ctypes.c_void_p(place), os.O_RDONLY)
            if fd >= 0:
                opened[os.fstat(fd).st_ino == inode] += 1
                os.close(fd)
        os.kill(racer, signal.SIGKILL)
        os.waitpid(racer, 0)
        reads.write_text(str(opened[True]))

    done(act, "racing")
    for _ in range(int(reads.read_text())):
        assert told(sidekick, "Password file read", "racing")["fd.name"] == SHADOW


def relative_link(there: Path) -> None:
    os.chdir("/etc")
    os.link("shadow", there)


def link_from_a_descriptor(there: Path) -> None:
    directory = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    os.link("shadow", there, src_dir_fd=directory)


LINKS = [
    ("link", lambda there: os.link(SHADOW, there)),
    ("link-relative", relative_link),
    ("link-climbing", lambda there: os.link("/etc/../etc/shadow", there)),
    ("link-descriptor", link_from_a_descriptor),
]


@pytest.mark.parametrize(("way", "link"), LINKS)
def test_another_name_for_the_passwords_is_told_when_it_is_made(
    sidekick: Running, folder: Path, way: str, link: Callable[[Path], object]
) -> None:
    """Reading it under that name is a read of a file that nobody asks about."""
    beside = Path(f"/etc/.evasion-{os.getpid()}")  # a hard link cannot leave its file system
    beside.unlink(missing_ok=True)
    try:
        done(lambda: link(beside), way)
    finally:
        beside.unlink(missing_ok=True)
    found = told(sidekick, "Create Hardlink Over Sensitive Files", way)
    assert found["evt.arg.oldpath"].endswith("/shadow")


def test_a_program_in_memory_alone_is_told(sidekick: Running) -> None:
    def act() -> None:
        memory = os.memfd_create("innocent")
        os.write(memory, Path("/bin/true").read_bytes())
        os.execve(memory, ["/usr/sbin/sshd", "-D"], {})

    done(act, "implant")
    found = sidekick.alert("Fileless execution via memfd_create")["output_fields"]
    assert found["proc.exepath"] == "memfd:innocent"
    assert found["proc.cmdline"].endswith(" -D")


REWRITES = """
import ctypes, os
fields = open("/proc/self/stat").read().rpartition(")")[2].split()
start, end = int(fields[45]), int(fields[46])
ctypes.memset(start, 120, end - start - 1)
ctypes.CDLL(None).prctl(15, b"rewritten")
os.open("/etc/shadow", os.O_RDONLY)
"""


def test_a_process_that_writes_over_its_arguments_is_told_with_those_it_had(
    sidekick: Running,
) -> None:
    subprocess.run([sys.executable, "-I", "-c", REWRITES, "--steal"], check=True)
    found = told(sidekick, "Password file read", "rewritten")
    assert found["proc.cmdline"].startswith("rewritten -I -c ")
    assert found["proc.cmdline"].endswith(" --steal")
    assert found["proc.exepath"] == os.path.realpath(sys.executable)


def test_a_program_that_a_thread_starts_is_told_as_its_process(sidekick: Running) -> None:
    """The thread takes the leader's place, and its number."""

    def act() -> None:
        worker = threading.Thread(target=os.execv, args=("/bin/cat", ["cat", SHADOW, "thread"]))
        worker.start()
        worker.join()

    done(act, "leader")
    while True:
        found = told(sidekick, "Password file read", "cat")
        if found["proc.cmdline"].endswith(" thread"):
            break
    assert found["proc.cmdline"] == f"cat {SHADOW} thread"
    assert found["proc.exepath"] == os.path.realpath("/bin/cat")
    assert found["proc.pname"] == Path("/proc/self/comm").read_text().strip()
