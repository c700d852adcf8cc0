from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidekick.sensor.users import UNSET, Users

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def tree(root: Path, passwd: str = "", group: str = "") -> Path:
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text(passwd)
    (root / "etc/group").write_text(group)
    return root


@pytest.fixture
def host(tmp_path: Path) -> Path:
    passwd = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\nbad line\n"
    return tree(tmp_path / "host", passwd, "root:x:0:\nstaff:x:50:ann\n")


def test_names_come_from_the_hosts_files(host: Path) -> None:
    users = Users(Clock(), host=host)
    assert users.user(1000) == "ann"
    assert users.group(50) == "staff"
    assert users.user(4242) == "<NA>"
    assert users.group(4242) == "<NA>"


def test_a_container_names_its_own(host: Path, tmp_path: Path) -> None:
    inside = tree(tmp_path / "inside", "www:x:1000:1000::/:/bin/sh\n", "web:x:50:\n")
    users = Users(Clock(), host=host)
    assert users.user(1000, "c1", inside) == "www"
    assert users.group(50, "c1", inside) == "web"
    assert users.user(1001, "c1", inside) == "<NA>"
    assert users.user(0, "c1", inside) == "root"


def test_where_a_container_has_no_file_the_host_names(host: Path, tmp_path: Path) -> None:
    users = Users(Clock(), host=host)
    assert users.user(1000, "c1", tmp_path / "gone") == "ann"
    assert users.user(1000, "c1", None) == "ann"


def test_a_changed_file_is_read_again_after_two_seconds(host: Path) -> None:
    clock = Clock()
    users = Users(clock, host=host)
    assert users.user(1001) == "<NA>"
    with (host / "etc/passwd").open("a") as file:
        file.write("bob:x:1001:1001::/home/bob:/bin/sh\n")
    assert users.user(1001) == "<NA>"
    clock.now += 2 * SECOND
    assert users.user(1001) == "bob"


def test_a_container_that_has_gone_keeps_its_names(host: Path, tmp_path: Path) -> None:
    clock = Clock()
    inside = tree(tmp_path / "inside", "www:x:33:33::/:/bin/sh\n")
    users = Users(clock, host=host)
    users.user(33, "c1", inside)
    inside.rename(tmp_path / "gone")
    clock.now += 10 * SECOND
    assert users.user(33, "c1", inside) == "www"


@pytest.mark.parametrize("link", ["etc/passwd", "etc"])
def test_a_container_cannot_lead_to_the_hosts_files(host: Path, tmp_path: Path, link: str) -> None:
    secret = tree(tmp_path / "secret", "admin:x:7:7::/:/bin/sh\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    if link != "etc":
        (inside / "etc").mkdir()
    (inside / link).symlink_to(secret / link)
    assert Users(Clock(), host=host).user(7, "c1", inside) == "<NA>"


def test_what_is_no_regular_file_is_not_waited_for(host: Path, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "etc").mkdir(parents=True)
    os.mkfifo(inside / "etc/passwd")
    assert Users(Clock(), host=host).user(1000, "c1", inside) == "ann"


def test_a_login_that_never_was_has_no_name(host: Path) -> None:
    users = Users(Clock(), host=host)
    assert users.login(UNSET) == "<NA>"
    assert users.login(1000) == "ann"


def test_the_memory_for_containers_is_bounded(host: Path, tmp_path: Path) -> None:
    inside = tree(tmp_path / "inside", "www:x:33:33::/:/bin/sh\n")
    users = Users(Clock(), host=host, limit=4)
    for number in range(20):
        assert users.user(33, f"c{number}", inside) == "www"
    assert len(users._inside) == 4


def test_a_process_that_still_has_the_hosts_root_says_nothing_of_its_container(
    host: Path, tmp_path: Path
) -> None:
    users = Users(Clock(), host=host)
    users.look("c1", host)
    inside = tree(tmp_path / "inside", "www:x:1000:1000::/:/bin/sh\n")
    assert users.user(1000, "c1", inside) == "www"


def test_what_was_read_early_is_known_when_the_process_is_gone(host: Path, tmp_path: Path) -> None:
    inside = tree(tmp_path / "inside", "www:x:33:33::/:/bin/sh\n", "web:x:33:\n")
    users = Users(Clock(), host=host)
    users.look("c1", inside)
    assert users.user(33, "c1", tmp_path / "gone") == "www"
    assert users.group(33, "c1", tmp_path / "gone") == "web"
