"""Acts upon a control plane that there is not: its files, and its programs with bad arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sidekick.acts.act import Act, Perform
from sidekick.acts.files import written
from sidekick.acts.programs import started
from sidekick.acts.scene import Scene

_MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
_KUBELET = "/var/lib/kubelet/config.yaml"
_SERVER = ("--etcd-servers=unix:/run/act.sock", "--authorization-mode=RBAC", "--profiling=false")
_AUDITED = (*_SERVER, "--audit-log-path=/dev/null")


def _opened_up(path: str) -> Perform:
    def perform(scene: Scene) -> None:
        scene.call_myself("chmod")
        os.chmod(path, 0o755 if path.endswith("etcd") else 0o644)

    return perform


def _given_away(scene: Scene) -> None:
    scene.call_myself("chown")
    os.chown("/etc/kubernetes/admin.conf", 1, 0)


def _server(*arguments: str) -> Perform:
    return started("kube-apiserver", *arguments, parents=("containerd-shim",))


def _mode(name: str, path: str, rule: str, files: Mapping[str, str] | None = None) -> Act:
    return Act(f"open-up-{name}", _opened_up(path), (rule,), files=files or {path: ""})


ACTS = (
    _mode("manifest", _MANIFEST, "CIS 1.1.1 control plane manifest readable by others"),
    _mode("kubeconfig", "/etc/kubernetes/admin.conf",
          "CIS 1.1.13 control plane kubeconfig readable by others"),
    _mode("cluster-key", "/etc/kubernetes/pki/ca.key", "CIS 1.1.21 cluster key readable by others"),
    _mode("cluster-certificate", "/etc/kubernetes/pki/apiserver.crt",
          "CIS 1.1.20 cluster certificate open to others"),
    _mode("etcd-data", "/var/lib/etcd", "CIS 1.1.11 etcd data readable by others",
          {"/var/lib/etcd/": ""}),
    _mode("kubelet-configuration", _KUBELET, "CIS 4.1.1 kubelet file readable by others"),
    Act("give-away-kubeconfig", _given_away,
        ("CIS 1.1.2 control plane file given to another owner",),
        files={"/etc/kubernetes/admin.conf": ""}),
    Act("write-manifest", written("/etc/kubernetes/manifests/act.yaml"),
        ("Control plane manifest written",), files={"/etc/": ""}),
    Act("write-kubelet-configuration", written(_KUBELET), ("Kubelet configuration written",),
        files={"/var/lib/": ""}),
    Act("api-allows-everything", _server(*_AUDITED, "--authorization-mode=AlwaysAllow"),
        ("CIS 1.2.6 API server allows everything",)),
    Act("api-static-tokens", _server(*_AUDITED, "--token-auth-file=/act"),
        ("CIS 1.2.2 API server accepts static credentials",)),
    Act("api-anonymous", _server(*_AUDITED, "--anonymous-auth=true"),
        ("CIS 1.2.1 API server told to allow anonymous requests",)),
    Act("api-unencrypted", _server(*_AUDITED, "--anonymous-auth=false", "--insecure-port=8080"),
        ("CIS 1.2 API server listens without encryption",)),
    Act("api-without-audit", _server(*_SERVER, "--anonymous-auth=false"),
        ("CIS 1.2.16 API server keeps no audit log",)),
    Act("api-etcd-open",
        _server("--etcd-servers=http://act", "--authorization-mode=RBAC", "--profiling=false",
                "--audit-log-path=/dev/null", "--anonymous-auth=false"),
        ("CIS 1.2.23 API server speaks to etcd without certificates",)),
    Act("api-anonymous-by-default", _server(*_AUDITED),
        ("CIS 1.2.1 API server allows anonymous requests by default",)),
    Act("scheduler-profiling",
        started("kube-scheduler", "--kubeconfig=/act", parents=("containerd-shim",)),
        ("CIS 1.2.15 control plane offers profiling",)),
    Act("etcd-open",
        started("etcd", "--listen-client-urls=http://act", parents=("containerd-shim",)),
        ("CIS 2.2 etcd does not check its clients",)),
    Act("kubelet-open", started("kubelet", "--anonymous-auth=true", parents=("systemd",)),
        ("CIS 4.2.1 kubelet open to everybody",)),
)  # fmt: skip
