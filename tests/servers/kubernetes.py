"""A Kubernetes API server over etcd: no nodes, no controllers, but all of the API.

It reports to an audit webhook from the start, with the policy and the kubeconfig that
``config/kubernetes`` has for real clusters; a test that wants the events listens where
``Kubernetes.audit`` says.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.servers import places
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.process import NotStarted, free_ports, running

CONFIG = Path(__file__).parents[2] / "config" / "kubernetes"

USERS = {
    "admin": ["system:masters"],
    "alice": ["developers"],
    "system:kube-scheduler": [],
    "system:node:node-1": ["system:nodes"],
    "system:serviceaccount:shop:default": ["system:serviceaccounts", "system:serviceaccounts:shop"],
}
"""Who may call, by name, with their groups; the token of each is ``Kubernetes.token_of``."""


@dataclass(frozen=True)
class AuditHook:
    """Where the server's audit webhook calls: ``https://127.0.0.1:PORT/k8s-audit``.

    It trusts ``certificates``' authority, and shows its client certificate and ``token``.
    """

    port: int
    certificates: Certificates
    token: str = "audit-webhook-token"


@dataclass(frozen=True)
class Kubernetes:
    """``url`` has no slash at its end; ``ca_file`` is the authority of its certificate."""

    url: str
    ca_file: Path
    folder: Path
    audit: AuditHook
    token: str = field(default="token-of-admin")
    """Of ``admin``, who may do everything."""

    def token_of(self, user: str) -> str:
        """The token of one of ``USERS``."""
        assert user in USERS
        return f"token-of-{user}"

    def kubeconfig(self, user: str = "admin") -> Path:
        """A kubeconfig file of that user."""
        path = self.folder / f"{user.replace(':', '-')}.kubeconfig"
        path.write_text(yaml.safe_dump(self._kubeconfig(user)))
        return path

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = "admin",
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """The status and the decoded answer; ``user`` None calls without a token."""
        given = {"Content-Type": content_type, **(headers or {})}
        if user is not None:
            given["Authorization"] = f"Bearer {self.token_of(user)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._trust) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())

    def upgrade(self, path: str, *, user: str = "admin") -> int:
        """The status of a request that wants to speak SPDY on, as kubectl exec does."""
        connection = http.client.HTTPSConnection(
            self.url.removeprefix("https://"), timeout=30, context=self._trust
        )
        headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
        headers["Authorization"] = f"Bearer {self.token_of(user)}"
        try:
            connection.request("POST", path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))

    def _kubeconfig(self, user: str) -> dict[str, Any]:
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self.token_of(user)}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": user}}],
            "current-context": "tests",
        }


@contextmanager
def kubernetes(folder: Path) -> Iterator[Kubernetes]:
    """An API server with its data in ``folder``."""
    program, etcd = places.kube_apiserver() / "bin" / "kube-apiserver", places.program("etcd")
    if etcd is None or not program.exists():
        raise NotStarted("the Kubernetes API server is not there: run tests/servers/install.py")
    folder.mkdir(parents=True, exist_ok=True)
    store, peers, port, hook = free_ports(4)
    certificates = make_certificates(folder)
    server = Kubernetes(
        f"https://127.0.0.1:{port}", certificates.ca_file, folder, AuditHook(hook, certificates)
    )
    endpoint = f"http://127.0.0.1:{store}"
    keep = _etcd_command(etcd, folder, endpoint, f"http://127.0.0.1:{peers}")
    serve: list[str | Path] = [
        program,
        *_flags(folder, endpoint, port),
        *_audit_flags(folder, server.audit),
    ]
    _write_files(folder, certificates)
    with (
        running(keep, folder / "etcd", lambda: _healthy(f"{endpoint}/health")),
        running(serve, folder / "apiserver", lambda: _ready(server)),
    ):
        yield server


def _etcd_command(program: Path, folder: Path, endpoint: str, peers: str) -> list[str | Path]:
    return [
        program,
        f"--data-dir={folder / 'etcd' / 'data'}",
        f"--listen-client-urls={endpoint}",
        f"--advertise-client-urls={endpoint}",
        f"--listen-peer-urls={peers}",
        "--unsafe-no-fsync",
    ]


def _flags(folder: Path, endpoint: str, port: int) -> list[str]:
    return [
        f"--etcd-servers={endpoint}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--service-account-key-file={folder / 'server.crt'}",
        f"--service-account-signing-key-file={folder / 'server.key'}",
        "--service-account-issuer=https://tests",
        "--service-cluster-ip-range=10.9.0.0/24",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",  # no controller makes the accounts
        "--allow-privileged=true",
    ]


def _audit_flags(folder: Path, hook: AuditHook) -> list[str]:
    """Our policy and webhook file, only the place, the files and the pauses are the tests' own."""
    document = yaml.safe_load((CONFIG / "audit-webhook.yaml").read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    cluster["server"] = f"https://127.0.0.1:{hook.port}/k8s-audit"
    cluster["certificate-authority"] = str(hook.certificates.ca_file)
    user["tokenFile"] = str(folder / "webhook.token")
    user["client-certificate"] = str(hook.certificates.cert_file)
    user["client-key"] = str(hook.certificates.key_file)
    (folder / "webhook.token").write_text(hook.token)
    (folder / "webhook.yaml").write_text(yaml.safe_dump(document))
    return [
        f"--audit-policy-file={CONFIG / 'audit-policy.yaml'}",
        f"--audit-webhook-config-file={folder / 'webhook.yaml'}",
        "--audit-webhook-batch-max-wait=100ms",
        "--audit-webhook-initial-backoff=200ms",
        "--audit-webhook-truncate-enabled=true",
        f"--audit-webhook-truncate-max-event-size={4 * 1024**2}",
    ]


def _write_files(folder: Path, certificates: Certificates) -> None:
    (folder / "server.crt").write_text(certificates.server_chain)
    (folder / "server.key").write_text(certificates.server_key)
    lines = [
        f'token-of-{name},{name},{number},"{",".join(groups)}"'
        for number, (name, groups) in enumerate(USERS.items(), 1)
    ]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n")


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _ready(server: Kubernetes) -> bool:
    try:
        return server.call("GET", "/readyz")[0] == 200
    except OSError:
        return False


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
