"""A real API server with our policy and webhook file: what it reports, and what rules see in it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sidekick.audit.record import SOURCE, record_of
from sidekick.errors import Shed
from sidekick.listener.serve import serve
from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.event_types import PLUGIN_EVENT
from sidekick.sources.k8s_audit import AuditWebhook, Config
from tests.faults.system import system, until
from tests.rules.loading import OFFICIAL, needs_official_files
from tests.rules.rule_texts import rule, rules
from tests.servers.kubelet import NODE, kubelet
from tests.servers.kubernetes import Kubernetes
from tests.web.listening import FakeIntake

pytestmark = pytest.mark.servers

SIDEKICK = str(Path(sys.executable).parent / "sidekick")
CORE = "/api/v1/namespaces/default"
SYSTEM = "/api/v1/namespaces/kube-system"
NETWORKING = "/apis/networking.k8s.io/v1/namespaces/default"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
PATCH = "application/strategic-merge-patch+json"
SECRET_VALUE = "c3dvcmRmaXNo"


@dataclass(frozen=True)
class Call:
    """A request, and the rules that it shall alert: Falco's, and those of our packs."""

    method: str
    path: str
    body: Any = None
    user: str | None = "admin"
    official: str = ""
    ours: str = ""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    upgrade: bool = False


def _meta(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


def _pod(name: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "web", "image": "nginx:1.27", **spec.pop("container", {})}]
    return _meta(name) | {"spec": {"containers": containers, **spec}}


def _role(*verbs: str, resources: Sequence[str]) -> dict[str, Any]:
    return {"rules": [{"apiGroups": [""], "verbs": list(verbs), "resources": list(resources)}]}


ADMIN_ROLE = {
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "cluster-admin",
    },
    "subjects": [{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}],
}
PRIVILEGED = {"securityContext": {"privileged": True}}
HOST_PATH = [{"name": "etc", "hostPath": {"path": "/etc"}}]
INGRESS = {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}
POLICY: dict[str, Any] = {"spec": {"podSelector": {}}}
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"

CALLS = [
    Call("GET", "/version", user=None, official="Anonymous Request Allowed"),
    Call("GET", f"{CORE}/pods", user="alice", official="Disallowed K8s User"),
    Call(
        "POST",
        f"{CORE}/pods",
        _pod("privileged", container=PRIVILEGED),
        official="Create Privileged Pod",
        ours="Privileged pod created",
    ),
    Call(
        "POST",
        f"{CORE}/pods",
        {"metadata": {"generateName": "host-"}} | {"spec": _pod("", volumes=HOST_PATH)["spec"]},
        official="Create Sensitive Mount Pod",
        ours="Pod with sensitive host path created",
    ),
    Call(
        "POST",
        f"{CORE}/pods",
        _pod("net", hostNetwork=True),
        official="Create HostNetwork Pod",
        ours="Pod in namespaces of the host created",
    ),
    Call("POST", f"{CORE}/pods", _pod("pid", hostPID=True), official="Create HostPid Pod"),
    Call("POST", f"{CORE}/pods", _pod("ipc", hostIPC=True), official="Create HostIPC Pod"),
    Call(
        "PATCH",
        f"{CORE}/pods/privileged/ephemeralcontainers",
        {"spec": {"ephemeralContainers": [{"name": "debugger", "image": "busybox"}]}},
        official="EphemeralContainers Created",
        ours="Ephemeral container added to a pod",
        content_type=PATCH,
    ),
    Call("POST", f"{CORE}/pods", _pod("running", nodeName=NODE)),
    Call(
        "POST",
        f"{CORE}/pods/running/exec?command=id&container=web&stdout=true",
        official="Attach/Exec Pod",
        ours="Exec into a pod",
        upgrade=True,
    ),
    Call("POST", f"{CORE}/pods/running/attach?container=web&stdout=true", upgrade=True),
    Call(
        "POST",
        f"{CORE}/pods/running/portforward",
        official="port-forward",
        ours="Port forwarded to a pod",
        upgrade=True,
    ),
    Call(
        "POST",
        f"{SYSTEM}/pods",
        _pod("agent", nodeName=NODE),
        official="Pod Created in Kube Namespace",
        ours="Pod created in a namespace of the cluster",
    ),
    Call(
        "POST",
        f"{SYSTEM}/pods/agent/exec?command=sh&container=web&stdout=true",
        ours="Exec into a pod of the cluster",
        upgrade=True,
    ),
    Call("GET", f"{CORE}/pods/privileged/exec?command=never&container=web"),
    Call(
        "POST",
        f"{CORE}/configmaps",
        _meta("app") | {"data": {"password": "swordfish <&>"}},
        official="Create/Modify Configmap With Private Credentials",
    ),
    Call(
        "POST",
        f"{CORE}/secrets",
        _meta("db") | {"data": {"password": SECRET_VALUE}},
        official="K8s Secret Created",
        ours="Secret changed",
    ),
    Call("GET", f"{CORE}/secrets/db", official="K8s Secret Get Successfully", ours="Secret read"),
    Call("GET", "/api/v1/secrets", ours="Secrets listed"),
    Call(
        "GET",
        f"{CORE}/secrets/db",
        user="system:serviceaccount:shop:default",
        official="K8s Secret Get Unsuccessfully Tried",
        ours="Forbidden request of a service account",
    ),
    Call("DELETE", f"{CORE}/secrets/db", official="K8s Secret Deleted", ours="Secret changed"),
    Call(
        "POST",
        f"{CORE}/services",
        _meta("web") | {"spec": {"type": "NodePort", "ports": [{"port": 80}]}},
        official="Create NodePort Service",
        ours="Service opened to the outside",
    ),
    Call("POST", "/api/v1/namespaces", _meta("rogue"), official="Create Disallowed Namespace"),
    Call(
        "DELETE",
        "/api/v1/namespaces/rogue",
        official="K8s Namespace Deleted",
        ours="Namespace or many objects deleted",
    ),
    Call(
        "POST",
        f"{SYSTEM}/serviceaccounts",
        _meta("evil"),
        official="Service Account Created in Kube Namespace",
        ours="Service account created in a namespace of the cluster",
    ),
    Call(
        "POST",
        f"{SYSTEM}/serviceaccounts/evil/token",
        {"spec": {"expirationSeconds": 3600}},
        ours="Token of a service account requested",
    ),
    Call(
        "POST",
        f"{RBAC}/clusterrolebindings",
        _meta("take-over") | ADMIN_ROLE,
        official="Attach to cluster-admin Role",
        ours="Cluster-admin bound",
    ),
    Call(
        "POST",
        f"{RBAC}/clusterroles",
        _meta("all") | _role("get", resources=["*"]),
        official="ClusterRole With Wildcard Created",
        ours="Role with wildcard written",
    ),
    Call(
        "POST",
        f"{RBAC}/clusterroles",
        _meta("write") | _role("patch", resources=["pods"]),
        official="ClusterRole With Write Privileges Created",
        ours="Role or binding changed",
    ),
    Call(
        "PATCH",
        f"{RBAC}/clusterroles/system:discovery",
        {"metadata": {"labels": {"changed": "yes"}}},
        official="System ClusterRole Modified/Deleted",
        ours="System role changed",
        content_type=PATCH,
    ),
    Call(
        "POST",
        f"{NETWORKING}/ingresses",
        _meta("web") | INGRESS,
        official="Ingress Object without TLS Certificate Created",
    ),
    Call(
        "POST", "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", _meta("p") | POLICY
    ),
    Call(
        "DELETE",
        "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/p",
        ours="Network policy changed or deleted",
    ),
    Call("POST", WEBHOOKS, _meta("w") | {"webhooks": []}, ours="Admission control changed"),
    Call(
        "GET",
        f"{CORE}/pods",
        headers=(("Impersonate-User", "bob"), ("Impersonate-Group", "system:masters")),
        ours="Acting as another user",
    ),
    Call(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        {"spec": {"namespace": "default"}},
        user="alice",
        ours="Own permissions listed",
    ),
    Call("DELETE", f"{CORE}/events", ours="Events of the cluster deleted"),
    Call(
        "POST",
        "/apis/apps/v1/namespaces/default/daemonsets",
        _meta("ds")
        | {
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": _pod("")["spec"]},
            }
        },
        ours="Cron job or daemon set created by hand",
    ),
    Call("POST", f"{CORE}/events", _meta("noise") | {"involvedObject": {"namespace": "default"}}),
    Call("GET", "/apis/coordination.k8s.io/v1/leases", user="system:kube-scheduler"),
    Call("GET", "/healthz", user=None),
    Call("GET", f"{CORE}/configmaps/the-end"),
]
ALERTING = [call for call in CALLS if call.official or call.ours]


_OF_THE_NODE = 2  # it joins with two requests


class Recorder:
    """In place of the rules: keeps the events."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def alerts(self, source: str, type: str, record: Any, time_ns: int) -> Sequence[Any]:
        self.events.append(record.body)
        return ()

    def saw(self, name: str) -> bool:
        return any(record_of(event)["ka.target.name"] == name for event in self.events)


def _source(server: Kubernetes) -> dict[str, Any]:
    """The source where the API server's webhook calls, as docs/kubernetes-audit.md has it."""
    return {
        "type": "k8s_audit",
        "address": "127.0.0.1",
        "port": server.audit.port,
        "tokens": [{"name": "tests", "token": server.audit.token}],
        "tls": {
            "cert_file": str(server.folder / "server.crt"),
            "key_file": str(server.folder / "server.key"),
            "client_ca_file": str(server.ca_file),
        },
    }


@asynccontextmanager
async def webhook(server: Kubernetes, intake: Any, engine: Any) -> AsyncIterator[None]:
    config = Config.model_validate(_source(server))
    async with serve(config, AuditWebhook(config, intake, lambda: engine)):
        yield


async def _until(condition: Any, secs: float = 30) -> None:
    end = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def events(kubernetes_server: Kubernetes) -> list[bytes]:
    """What the API server sends of all the calls."""

    async def record() -> list[bytes]:
        recorder = Recorder()
        async with webhook(kubernetes_server, FakeIntake(), recorder):
            with kubelet(kubernetes_server):
                await asyncio.to_thread(_make_calls, kubernetes_server)
            await _until(lambda: recorder.saw("the-end"))
        # When it starts, the API server makes its own roles.
        return [e for e in recorder.events if record_of(e)["ka.user.name"] != "system:apiserver"]

    return asyncio.run(record())


def _make_calls(server: Kubernetes) -> None:
    for call in CALLS:
        if call.upgrade:
            assert server.upgrade(call.path) == 101
            continue
        server.call(
            call.method,
            call.path,
            call.body,
            user=call.user,
            content_type=call.content_type,
            headers=dict(call.headers),
        )


def _named(events: Sequence[bytes], name: str) -> bytes:
    """The first event about something of that name."""
    return next(event for event in events if record_of(event)["ka.target.name"] == name)


@cache
def _engine(*files: Path) -> Engine:
    found = load_files(files)
    assert found.ok, [one.message for one in found.errors]
    return Engine(found, EngineConfig(matching="all"))


def _hit(engine: Engine, events: Sequence[bytes]) -> dict[str, list[Any]]:
    hits: dict[str, list[Any]] = {}
    for event in events:
        record = record_of(event)
        for alert in engine.alerts(SOURCE, PLUGIN_EVENT, record, record.time_ns):
            hits.setdefault(alert.rule, []).append(alert)
    return hits


@needs_official_files
def test_falcos_rules_see_what_was_done(events: list[bytes]) -> None:
    hits = _hit(_engine(OFFICIAL / "k8s_audit_rules.yaml"), events)

    assert {call.official for call in CALLS if call.official} <= hits.keys()
    (host_path,) = hits["Create Sensitive Mount Pod"]
    assert host_path.fields["ka.resp.name"].startswith("host-")
    assert host_path.fields["ka.req.pod.containers.image"] == ["nginx:1.27"]
    commands = [hit.fields["ka.uri.param[command]"] for hit in hits["Attach/Exec Pod"]]
    assert commands == ["id", None, "sh", "never"]
    (configmap,) = hits["Create/Modify Configmap With Private Credentials"]
    given = record_of(_named(events, "app"))["ka.req.configmap.obj"]
    assert given == '{"password":"swordfish \\u003c\\u0026\\u003e"}'
    assert configmap.fields["ka.req.configmap.name"] == "app"
    (bound,) = hits["Attach to cluster-admin Role"]
    assert '"name":"mallory"' in bound.fields["ka.req.binding.subjects"][0]


def test_our_rules_see_what_was_done(events: list[bytes]) -> None:
    hits = _hit(_engine(*pack_files()), events)

    assert {call.ours for call in CALLS if call.ours} <= hits.keys()


def test_the_policy_reports_no_secret_and_nothing_twice_or_in_vain(events: list[bytes]) -> None:
    records = [record_of(event) for event in events]

    assert not any(SECRET_VALUE.encode() in event for event in events)
    assert not any(b"managedFields" in event for event in events)
    assert not any(b'"token":"ey' in event for event in events)
    assert {record["ka.stage"] for record in records} == {"ResponseStarted", "ResponseComplete"}
    started = {r["ka.target.subresource"] for r in records if r["ka.stage"] == "ResponseStarted"}
    assert started == {"exec", "attach", "portforward"}
    assert not any(r["ka.uri"].startswith("/healthz") for r in records)
    resources = {(record["ka.target.resource"], record["ka.verb"]) for record in records}
    assert ("events", "deletecollection") in resources
    assert ("events", "create") not in resources
    assert "leases" not in {resource for resource, _ in resources}
    streams = sum(record["ka.stage"] == "ResponseStarted" for record in records)
    assert len(events) <= len(CALLS) + streams + _OF_THE_NODE


def test_each_event_has_its_time_and_its_id(events: list[bytes]) -> None:
    records = [record_of(event) for event in events]

    assert all(record.time_ns > 1_700_000_000 * 10**9 for record in records)
    keys = [(record["ka.auditid"], record["ka.stage"]) for record in records]
    assert len(set(keys)) == len(keys)


async def test_an_event_whose_first_try_failed_alerts_once(kubernetes_server: Kubernetes) -> None:
    mark = "again-and-again"
    engine = Engine(rules(rule("Marked", f"ka.target.name = {mark}", source="k8s_audit")))
    tries = 0

    class FullAtFirst(FakeIntake):
        def offer(self, alerts, answer):  # type: ignore[no-untyped-def]
            nonlocal tries
            tries += 1
            self.error = Shed("the log is full") if tries == 1 else None
            super().offer(alerts, answer)

    intake = FullAtFirst()
    async with webhook(kubernetes_server, intake, engine):
        await asyncio.to_thread(kubernetes_server.call, "GET", f"{CORE}/configmaps/{mark}")
        await _until(lambda: intake.alerts)

    assert tries == 2
    assert intake.rules == ["Marked"]


async def test_what_happens_while_nobody_listens_comes_later(kubernetes_server: Kubernetes) -> None:
    recorder = Recorder()
    await asyncio.to_thread(kubernetes_server.call, "GET", f"{CORE}/configmaps/too-early")
    async with webhook(kubernetes_server, FakeIntake(), recorder):
        await _until(lambda: recorder.saw("too-early"))


async def test_the_alerts_are_in_the_log_of_the_hub(
    kubernetes_server: Kubernetes, tmp_path: Path
) -> None:
    config: dict[str, object] = {
        "sources": {"audit": _source(kubernetes_server)},
        "sinks": {"told": {"type": "file", "path": str(tmp_path / "told.ndjson")}},
    }
    bound = _meta("take-over-again") | ADMIN_ROLE
    told = tmp_path / "told.ndjson"
    async with system(tmp_path, config) as hub:
        await asyncio.to_thread(
            kubernetes_server.call, "POST", f"{RBAC}/clusterrolebindings", bound
        )
        await until(lambda: told.exists() and "take-over-again" in told.read_text(), 30, hub.log())
        command = [SIDEKICK, "search", "--json", "alert.rule = 'Cluster-admin bound'"]
        address = f"http://127.0.0.1:{hub.admin_port}"
        found = await asyncio.to_thread(
            subprocess.run, [*command, "--url", address], capture_output=True, text=True, check=True
        )

    assert "take-over-again" in found.stdout
