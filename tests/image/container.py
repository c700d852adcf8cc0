"""A hub in a container, as restricted as the chart has it."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.image.engine import IMAGE, Engine
from tests.servers.process import answers, free_ports

RESTRICTED = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=256m",
    "--tmpfs=/tmp:size=64m",
    "--network=host",
)


class Container:
    """``started_secs`` is from ``docker run`` to the first answer."""

    def __init__(self, docker: Engine, id: str, port: int, admin_port: int) -> None:
        self.docker = docker
        self.id = id
        self.port = port
        self.admin_port = admin_port
        self.started_secs = 0.0

    def run(self, *command: str, check: bool = True) -> str:
        """What a command in the container prints."""
        url = f"SIDEKICK_URL=http://127.0.0.1:{self.admin_port}"
        return self.docker("exec", "--env", url, self.id, *command, check=check)

    def post(self, body: bytes, path: str = "/") -> int:
        """The status of a POST of one alert, or of lines of them to ``/v1/alerts``."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)

    def delivered(self) -> dict[str, int]:
        """How many alerts each lane has delivered."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(r'^sidekick_delivered_total{lane="(.+)"} (.+)$', text, re.MULTILINE)
        return {lane: int(float(count)) for lane, count in found}

    def status(self) -> dict[str, str]:
        """What the kernel says of the process (/proc/PID/status)."""
        pid = self.docker("inspect", "--format", "{{.State.Pid}}", self.id)
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}

    @property
    def rss_mib(self) -> float:
        """Resident memory."""
        return int(self.status()["VmRSS"].split()[0]) / 1024


@contextmanager
def container(docker: Engine, folder: Path, config: Mapping[str, Any]) -> Iterator[Container]:
    """A hub with this configuration, its log in an anonymous volume; removed at the end."""
    port, admin = free_ports(2)
    own = {"listen": {"address": "127.0.0.1", "port": port}, "admin": {"port": admin}}
    (folder / "sidekick.yaml").write_text(yaml.safe_dump({**own, **config}))
    folder.chmod(0o755)
    began = time.monotonic()
    mount = f"--volume={folder}:/etc/sidekick:ro"
    command = ("hub", "--state=/var/lib/sidekick", "--config=/etc/sidekick/sidekick.yaml")
    id = docker("run", "--detach", *RESTRICTED, mount, IMAGE, *command)
    found = Container(docker, id, port, admin)
    try:
        while not answers(port):
            running = docker("inspect", "--format", "{{.State.Running}}", id)
            assert running == "true", docker("logs", id)
            assert time.monotonic() - began < 60, docker("logs", id)
        found.started_secs = time.monotonic() - began
        yield found
    finally:
        docker("rm", "--force", "--volumes", id)
