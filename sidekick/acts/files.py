"""Acts upon files: those of the act's own, shown in the places that rules ask about."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sidekick.acts.act import Act, Perform
from sidekick.acts.scene import Scene

_ETC: Mapping[str, str] = {"/etc/": ""}
_LOG: Mapping[str, str] = {"/var/log/": ""}


def written(path: str, *, by: str = "implant", empty: bool = False) -> Perform:
    """An act that opens a file for writing."""
    return lambda scene: scene.write(path, by=by, empty=empty)


def read(path: str, *, by: str = "cat") -> Perform:
    """An act that opens a file for reading."""
    return lambda scene: scene.read(path, by=by)


def _in_folder(name: str, perform_at: str) -> Perform:
    """An act that writes a file of the folder, with one more name below it."""
    return lambda scene: scene.write(str(scene.folder / name / perform_at))


def _log_deleted(scene: Scene) -> None:
    scene.call_myself("rm")
    os.unlink("/var/log/auth.log")


def _history_deleted(scene: Scene) -> None:
    path = scene.folder / ".bash_history"
    path.touch()
    scene.call_myself("rm")
    path.unlink()


def _audit_log_moved(scene: Scene) -> None:
    scene.call_myself("mv")
    os.rename("/var/log/audit/audit.log", "/var/log/audit/old")


def _set_user_id(scene: Scene) -> None:
    path = scene.folder / "tool"
    path.write_text("")
    scene.call_myself("chmod")
    path.chmod(0o4755)


def _hidden_folder(scene: Scene) -> None:
    scene.call_myself("implant")
    os.mkdir("/var/tmp/.act")


def _memory_read(scene: Scene) -> None:
    scene.read(f"/proc/{os.getppid()}/mem", by="implant")


def _linked(scene: Scene) -> None:
    scene.call_myself("ln")
    os.symlink("/etc", scene.folder / "link")


ACTS = (
    Act("release-agent", _in_folder("group", "release_agent"),
        ("Container escape by a kernel file",), ("Detect release_agent File Container Escapes",),
        container=True),
    Act("open-host-disk", read("/dev/sda1"), ("Disk or memory of the host opened in a container",),
        ("Privileged Container Device Access",), container=True, files={"/dev/sda1": ""}),
    Act("preload-library", written("/etc/ld.so.preload"), ("Library preloaded into all programs",),
        files=_ETC),
    Act("add-ssh-key", written("/root/.ssh/authorized_keys"), ("SSH access changed",),
        ("Adding ssh keys to authorized_keys",), files={"/root/": ""}),
    Act("change-login", written("/etc/pam.d/sshd"), ("Login configuration changed",), files=_ETC),
    Act("add-cron-job", written("/etc/cron.d/act"), ("Scheduled job changed",),
        ("Schedule Cron Jobs",), files=_ETC),
    Act("add-service", written("/etc/systemd/system/act.service"), ("Service definition changed",),
        files=_ETC),
    Act("change-shell-start", written("/home/eve/.bashrc"), ("Shell start-up file changed",),
        ("Modify Shell Configuration File",), files={"/home/": ""}),
    Act("change-program", written("/usr/sbin/act"), ("System program changed",),
        ("Write below binary dir",), files={"/usr/sbin/": ""}),
    Act("empty-log", written("/var/log/auth.log", by="bash", empty=True),
        ("System log emptied or deleted",), ("Clear Log Activities",), files=_LOG),
    Act("delete-log", _log_deleted, ("System log emptied or deleted",),
        files={"/var/log/auth.log": ""}),
    Act("delete-history", _history_deleted, ("Shell history emptied or deleted",),
        ("Delete or rename shell history",)),
    Act("set-user-id", _set_user_id, ("Set-user-id bit set",), ("Set Setuid or Setgid bit",)),
    Act("hidden-file", written("/var/tmp/.act"), ("Hidden file or folder made",),
        ("Create Hidden Files or Directories",), files={"/var/tmp/": ""}),
    Act("hidden-folder", _hidden_folder, ("Hidden file or folder made",),
        ("Create Hidden Files or Directories",), files={"/var/tmp/": ""}),
    Act("write-below-etc", written("/etc/act.conf"), ("File below /etc written",),
        ("Write below etc",), files=_ETC),
    Act("read-shadow", read("/etc/shadow"), ("Password file read",),
        ("Read sensitive file untrusted",), files={"/etc/shadow": ""}),
    Act("read-token", read("/run/secrets/kubernetes.io/serviceaccount/token"),
        ("Service account token read by a tool",), container=True,
        files={"/run/secrets/kubernetes.io/serviceaccount/token": "act"}),
    Act("read-private-key", read("/root/.ssh/id_rsa"),
        ("Private key or credentials read by a tool",), ("Read ssh information",),
        files={"/root/.ssh/id_rsa": "act"}),
    Act("read-memory", _memory_read, ("Memory or environment of a process read",)),
    Act("link-to-etc", _linked, falco=("Create Symlink Over Sensitive Files",)),
    Act("move-audit-log", _audit_log_moved, ("Audit log changed or deleted",),
        files={"/var/log/audit/audit.log": ""}),
    Act("read-audit-log", read("/var/log/audit/audit.log", by="less"), ("Audit log read",),
        files={"/var/log/audit/audit.log": ""}),
    Act("change-account-file", written("/etc/passwd"), ("Account file changed by hand",),
        files=_ETC),
    Act("change-sudo-rules", written("/etc/sudoers.d/act"), ("Sudo rules changed",), files=_ETC),
)  # fmt: skip
