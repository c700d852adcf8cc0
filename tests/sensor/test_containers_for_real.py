"""Containers of a real Docker, seen by the real sensor."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ebpf.kernel import need_kernel
from tests.rules.loading import OFFICIAL, needs_official_files
from tests.sensor.images import layer
from tests.sensor.kernel import Running, running
from tests.servers.process import unmount_below
from tests.servers.unavailable import unavailable

_UP_SECS = 60
IMAGE = "shop/web:1.2"


def _missing() -> str:
    for program in ("dockerd", "docker", "busybox"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: docker.io, busybox-static)"
    return ""


class Docker:
    """A daemon of our own."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "docker.sock"

    def __call__(self, *arguments: str, stdin: bytes = b"") -> None:
        """Run ``docker``; raises if it fails."""
        command = ["docker", "-H", f"unix://{self.socket}", *arguments]
        subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=60)

    def answers(self) -> bool:
        """Is it up?"""
        try:
            self("version")
        except subprocess.CalledProcessError:
            return False
        return True

    def run(self, name: str, script: str, *options: str) -> None:
        """A shell script in a container of that name."""
        self("run", "--rm", "--network=host", f"--name={name}", *options, IMAGE, "sh", "-c", script)


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    need_kernel()
    if reason := _missing():
        unavailable(reason)
    with tempfile.TemporaryDirectory(prefix="sidekick-") as name:
        folder = Path(name)
        found = Docker(folder)
        with _daemon(folder, found):
            found("import", "-", IMAGE, stdin=layer())
            yield found


@contextmanager
def _daemon(folder: Path, docker: Docker) -> Iterator[None]:
    command = ["dockerd", "-H", f"unix://{docker.socket}", "--bridge=none", "--iptables=false"]
    for option, name in (("data-root", "root"), ("exec-root", "exec"), ("pidfile", "pid")):
        command.append(f"--{option}={folder / name}")
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until = time.monotonic() + _UP_SECS
        while not docker.answers():
            assert time.monotonic() < until, (folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        yield
    finally:
        daemon.terminate()
        daemon.wait(_UP_SECS)
        unmount_below(folder)


@pytest.fixture
def sidekick(docker: Docker, tmp_path: Path) -> Iterator[Running]:
    config = tmp_path / "sidekick.yaml"
    config.write_text(
        "listen: {address: 127.0.0.1, port: 0}\n"
        "admin: {enabled: false}\n"
        "dedup: {enabled: false}\n"
        f"sensor: {{containers: {{docker: [{docker.socket}], wait: 2s}}}}\n"
    )
    rules = ["--rules", str(OFFICIAL / "falco_rules.yaml")]
    with running("run", "--json", "-c", str(config), *rules, state=tmp_path) as found:
        found.hears("the sensor watches")
        yield found


@needs_official_files
def test_a_shell_in_a_container_is_told_with_its_names(docker: Docker, sidekick: Running) -> None:
    docker.run("web1", "echo hi; sleep 0.5", "-t", "-u", "1000")
    found = sidekick.alert("Terminal shell in container", container_name="web1")
    fields = found["output_fields"]
    assert len(fields["container.id"]) == 12
    assert fields["container.image.repository"] == "shop/web"
    assert fields["container.image.tag"] == "1.2"
    assert fields["user.name"] == "app"
    assert fields["proc.cmdline"] == "sh -c echo hi; sleep 0.5"
    assert fields["proc.tty"] == 34_816


@needs_official_files
def test_a_program_that_the_image_did_not_have_is_told(docker: Docker, sidekick: Running) -> None:
    docker.run("drop1", "cat /bin/busybox > /tmp/ls; busybox chmod 755 /tmp/ls; /tmp/ls /")
    found = sidekick.alert("Drop and execute new binary in container", container_name="drop1")
    fields = found["output_fields"]
    assert fields["proc.exepath"] == "/tmp/ls"


@needs_official_files
def test_a_link_to_etc_is_told_for_host_and_container_alike(
    docker: Docker, sidekick: Running
) -> None:
    docker.run("link1", "ln -s /etc /tmp/x")
    found = sidekick.alert("Create Symlink Over Sensitive Files", container_name="link1")
    assert found["output_fields"]["evt.arg.target"] == "/etc"
