"""The helpers of acts: programs under other names, below others, and files in other places."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sidekick.acts.act import Act
from sidekick.acts.perform import perform
from sidekick.acts.scene import ELSEWHERE, Scene, top_folder

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/etc/shadow", "/etc"),
        ("/etc/", "/etc"),
        ("/usr/sbin/act", "/usr/sbin"),
        ("/var/log/audit/audit.log", "/var/log"),
        ("/root/.ssh/id_rsa", "/root"),
    ],
)
def test_files_are_shown_in_place_of_a_folder_that_each_machine_has(path: str, folder: str) -> None:
    assert top_folder(path) == folder


def test_a_program_does_nothing_under_its_name(tmp_path: Path) -> None:
    program = Scene(tmp_path).program("xmrig")
    assert Path(program).name == "xmrig"
    assert Path(program).resolve() == Path("/bin/true").resolve()
    Scene(tmp_path).start("xmrig", "--anything")


def test_a_child_has_the_parents_that_it_wants(tmp_path: Path) -> None:
    seen = tmp_path / "seen"

    def look() -> None:
        parent = Path(f"/proc/{os.getppid()}/status").read_text()
        grandparent = next(line for line in parent.splitlines() if line.startswith("PPid:")).split()
        names = [Path(f"/proc/{pid}/comm").read_text() for pid in (os.getppid(), grandparent[1])]
        seen.write_text("".join(names))

    Scene(tmp_path).below(("npm", "sh"), look)
    assert seen.read_text() == "sh\nnpm\n"


def test_a_child_that_fails_is_told_of(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ChildProcessError, match="ended with 256"):
        Scene(tmp_path).below((), fail)


def test_a_terminal_is_the_childs_own(tmp_path: Path) -> None:
    seen = tmp_path / "seen"

    def look() -> None:
        seen.write_text(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[4])

    Scene(tmp_path).below((), look, tty=True)
    assert int(seen.read_text()) > 0


@needs_root
def test_a_network_leads_nowhere_and_has_the_address_of_elsewhere(tmp_path: Path) -> None:
    seen = tmp_path / "seen"

    def look(scene: Scene) -> None:
        with scene.connect(ELSEWHERE, 4444, by="implant") as connection:
            seen.write_text(repr(connection.getpeername()))
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("198.51.100.1", 80), timeout=5)

    perform(Act("look", look, network=True))
    assert seen.read_text() == repr((ELSEWHERE, 4444))
