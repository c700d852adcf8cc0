"""The sensor in the image: watches the machine from a container, for a hub in another one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sidekick.sensor import privileges
from sidekick.sensor.flags import CAPABILITIES
from tests.cli.conftest import until
from tests.image.container import container
from tests.image.engine import IMAGE, Engine

pytestmark = [pytest.mark.servers, pytest.mark.slow]

# This engine is too old to know CAP_BPF by name, and SYS_RESOURCE is not to be had everywhere.
RIGHTS = ("--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined")
RULE = """\
- rule: Marked
  desc: A program of this test.
  condition: evt.type = execve and proc.args contains mark-7
  output: "%proc.cmdline"
  priority: CRITICAL
"""
PLACE = ("--user=0", "--pid=host", "--network=host", "--read-only", "--tmpfs=/var/lib/sidekick")


def test_an_alert_gets_from_one_container_to_the_other(docker: Engine, tmp_path: Path) -> None:
    with container(docker, tmp_path, {"sinks": {"out": {"type": "stdout"}}}) as hub:
        target = f"--to=http://127.0.0.1:{hub.port}"
        rules = tmp_path / "rules.yaml"
        rules.write_text(RULE)
        rules.chmod(0o644)
        mount = f"--volume={tmp_path}:/etc/sidekick:ro"
        files = ("--state=/var/lib/sidekick", "--rules=/etc/sidekick/rules.yaml")
        sensor = docker("run", "--detach", *RIGHTS, *PLACE, mount, IMAGE, "sensor", target, *files)
        try:

            def arrived() -> bool:
                running = docker("inspect", "--format", "{{.State.Running}}", sensor)
                assert running == "true", docker("logs", sensor)
                subprocess.run(["true", "mark-7"], check=True)
                return "true mark-7" in hub.run("sidekick", "search", "alert.rule = Marked")

            until(arrived, 30)
            pid = docker("inspect", "--format", "{{.State.Pid}}", sensor)
            status = Path(f"/proc/{pid}/status").read_text()
            left = int(status.partition("CapEff:")[2].split()[0], 16)
            kept = {name for bit, name in enumerate(CAPABILITIES) if left >> bit & 1}
            assert kept <= set(privileges.KEPT)  # and no SYS_ADMIN
            assert "CAP_SYS_PTRACE" in kept
        finally:
            docker("rm", "--force", "--volumes", sensor)
