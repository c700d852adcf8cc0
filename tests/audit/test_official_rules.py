"""Falco's 48 rules for audit events, unmodified: for each an event it is for, and a near miss."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from sidekick.audit.record import SOURCE, record_of
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.event_types import PLUGIN_EVENT
from sidekick.rules.load import load
from tests.audit.events import binding, container, encoded, event, pod, pod_spec, role
from tests.rules.loading import OFFICIAL, needs_official_files

pytestmark = needs_official_files

RULES = OFFICIAL / "k8s_audit_rules.yaml"
LOCAL = """
- macro: allowed_k8s_containers
  condition: (ka.req.pod.containers.image.repository in (nginx))
- macro: consider_all_events
  condition: (k8s_audit_always_true)
- macro: allowed_full_admin_users
  condition: (k8s_audit_never_true)
- macro: allow_all_k8s_nodes
  condition: (k8s_audit_never_true)
- list: allowed_k8s_nodes
  items: [node-1]
"""
"""What a user writes to switch on the rules that the official file leaves off."""

Case = tuple[str, dict[str, Any], dict[str, Any]]
PRIVILEGED = container(securityContext={"privileged": True})
CREDENTIALS = {"data": {"config": "aws_access_key_id = AKIA"}}
HARMLESS = {"data": {"config": "colour = blue"}}


def _forbidden(given: dict[str, Any]) -> dict[str, Any]:
    """The same, refused by the API server."""
    status = {"metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403}
    decision = {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}
    return given | {"responseStatus": status, "annotations": decision}


def _with(given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return given | more


def _activity(kind: str, resource: str, **more: Any) -> list[Case]:
    """Something was created or deleted; the near miss is that the API server refused it."""
    created = event("create", resource, "x", **more)
    deleted = event("delete", resource, "x", **more)
    return [
        (f"K8s {kind} Created", created, _forbidden(created)),
        (f"K8s {kind} Deleted", deleted, _forbidden(deleted)),
    ]


def _volume(path: str) -> dict[str, Any]:
    return pod(pod_spec(volumes=[{"name": "host", "hostPath": {"path": path}}]))


def _rule(verbs: list[str], resources: list[str]) -> dict[str, Any]:
    return {"apiGroups": [""], "verbs": verbs, "resources": resources}


EXEC = event(
    "get",
    "pods",
    "web-0",
    subresource="exec",
    stage="ResponseStarted",
    code=101,
    query="?command=sh",
)
FORWARD = event("create", "pods", "web-0", subresource="portforward", code=101)
DEBUG = event(
    "patch",
    "pods",
    "web-0",
    subresource="ephemeralcontainers",
    body={"spec": {"ephemeralContainers": [container("debugger", "busybox")]}},
)
ANONYMOUS = event("list", "pods", user="system:anonymous", groups=["system:unauthenticated"])
NAMESPACE = event("create", "namespaces", "rogue", namespace=None)
KUBE_POD = pod(pod_spec(), objectRef={"resource": "pods", "namespace": "kube-system"})
ACCOUNT = event("create", "serviceaccounts", "evil", namespace="kube-system")
SYSTEM_ROLE = event("patch", "clusterroles", "system:node", namespace=None)
NODE = event("create", "nodes", "node-9", namespace=None)
SECRET = event("get", "secrets", "db")
INGRESS = event("create", "ingresses", "web", body={"spec": {"rules": [{"host": "a.example"}]}})
TLS = {"spec": {"tls": [{"hosts": ["a.example"], "secretName": "tls"}]}}

CASES: list[Case] = [
    ("Disallowed K8s User", SECRET, event("get", "secrets", "db", user="kubernetes-admin")),
    (
        "Create Disallowed Pod",
        pod(pod_spec(container(image="miner:1"))),
        pod(pod_spec(container(image="nginx:1.27"))),
    ),
    (
        "Create Privileged Pod",
        pod(pod_spec(container(), initContainers=[PRIVILEGED])),
        pod(pod_spec(container(securityContext={"privileged": False}))),
    ),
    ("Create Sensitive Mount Pod", _volume("/etc"), _volume("/srv")),
    ("Create HostNetwork Pod", pod(pod_spec(hostNetwork=True)), pod(pod_spec(hostNetwork=False))),
    ("Create HostPid Pod", pod(pod_spec(hostPID=True)), pod(pod_spec())),
    ("Create HostIPC Pod", pod(pod_spec(hostIPC=True)), pod(pod_spec(hostPID=True))),
    (
        "Create NodePort Service",
        event("create", "services", "web", body={"spec": {"type": "NodePort"}}),
        event("create", "services", "web", body={"spec": {"type": "ClusterIP"}}),
    ),
    (
        "Create/Modify Configmap With Private Credentials",
        event("patch", "configmaps", "app", body=CREDENTIALS),
        event("patch", "configmaps", "app", body=HARMLESS),
    ),
    (
        "Anonymous Request Allowed",
        ANONYMOUS,
        _with(ANONYMOUS, requestURI="/healthz?verbose", objectRef={}),
    ),
    ("Attach/Exec Pod", EXEC, _with(EXEC, stage="ResponseComplete")),
    ("port-forward", FORWARD, event("create", "pods", "web-0", subresource="eviction")),
    (
        "EphemeralContainers Created",
        DEBUG,
        event("get", "pods", "web-0", subresource="ephemeralcontainers"),
    ),
    (
        "Create Disallowed Namespace",
        NAMESPACE,
        event("create", "namespaces", "default", namespace=None),
    ),
    (
        "Pod Created in Kube Namespace",
        KUBE_POD,
        KUBE_POD | {"requestObject": {"spec": pod_spec(container(image="gke.gcr.io/heapster:1"))}},
    ),
    (
        "Service Account Created in Kube Namespace",
        ACCOUNT,
        event("create", "serviceaccounts", "coredns", namespace="kube-system"),
    ),
    (
        "System ClusterRole Modified/Deleted",
        SYSTEM_ROLE,
        event("patch", "clusterroles", "system:coredns", namespace=None),
    ),
    (
        "Attach to cluster-admin Role",
        binding({"kind": "User", "name": "mallory"}, role="cluster-admin"),
        binding({"kind": "User", "name": "mallory"}, role="view"),
    ),
    (
        "ClusterRole With Wildcard Created",
        role(_rule(["get"], ["*"])),
        role(_rule(["get"], ["pods/*"])),
    ),
    (
        "ClusterRole With Write Privileges Created",
        role(_rule(["get"], ["pods"]), _rule(["patch"], ["pods"])),
        role(_rule(["get", "list", "watch"], ["pods"])),
    ),
    (
        "ClusterRole With Pod Exec Created",
        role(_rule(["create"], ["pods", "pods/exec"]), resource="roles"),
        role(_rule(["create"], ["pods", "pods/log"]), resource="roles"),
    ),
    *_activity("Deployment", "deployments"),
    *_activity("Service", "services"),
    *_activity("ConfigMap", "configmaps"),
    *_activity("Namespace", "namespaces", namespace=None),
    *_activity("Serviceaccount", "serviceaccounts"),
    *_activity("Role", "roles"),
    *_activity("ClusterRole", "clusterroles", namespace=None),
    *_activity("RoleBinding", "rolebindings"),
    *_activity("ClusterRoleBinding", "clusterrolebindings", namespace=None),
    *_activity("Secret", "secrets"),
    ("K8s Secret Get Successfully", SECRET, _forbidden(SECRET)),
    ("K8s Secret Get Unsuccessfully Tried", _forbidden(SECRET), SECRET),
    ("All K8s Audit Events", SECRET, _with(SECRET, stage="RequestReceived")),
    (
        "Full K8s Administrative Access",
        event("get", "pods", user="kubernetes-admin"),
        event("get", "pods", user="alice"),
    ),
    (
        "Ingress Object without TLS Certificate Created",
        INGRESS,
        event("create", "ingresses", "web", body=TLS),
    ),
    (
        "Untrusted Node Successfully Joined the Cluster",
        NODE,
        event("create", "nodes", "node-1", namespace=None),
    ),
    ("Untrusted Node Unsuccessfully Tried to Join the Cluster", _forbidden(NODE), NODE),
]


@cache
def _engine(*, local: bool) -> Engine:
    texts = [(RULES.name, RULES.read_text())] + ([("local.yaml", LOCAL)] if local else [])
    rules = load(texts)
    assert rules.ok, [found.message for found in rules.errors]
    return Engine(rules, EngineConfig(matching="all"))


def _hit(given: dict[str, Any], *, local: bool = True) -> dict[str, str]:
    """The outputs of all rules that match an event, by name."""
    record = record_of(encoded(given))
    found = _engine(local=local).alerts(SOURCE, PLUGIN_EVENT, record, record.time_ns)
    return {alert.rule: alert.output for alert in found}


def test_every_rule_of_the_file_is_in_the_table() -> None:
    assert [case[0] for case in CASES] == list(dict.fromkeys(case[0] for case in CASES))
    assert {case[0] for case in CASES} == {rule.name for rule in _engine(local=False).rules}
    assert len(CASES) == 48


@pytest.mark.parametrize(("rule", "fires", "misses"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_fires_on_its_event_and_not_on_the_near_miss(
    rule: str, fires: dict[str, Any], misses: dict[str, Any]
) -> None:
    assert rule in _hit(fires)
    assert rule not in _hit(misses)


OFF = {
    *("Create Disallowed Pod", "All K8s Audit Events", "Full K8s Administrative Access"),
    "Untrusted Node Successfully Joined the Cluster",
    "Untrusted Node Unsuccessfully Tried to Join the Cluster",
}


@pytest.mark.parametrize(("rule", "fires", "misses"), CASES, ids=[case[0] for case in CASES])
def test_without_local_rules_five_rules_are_off(
    rule: str, fires: dict[str, Any], misses: dict[str, Any]
) -> None:
    assert (rule in _hit(fires, local=False)) == (rule not in OFF)


@pytest.mark.parametrize(
    ("rule", "given", "wanted"),
    [
        (
            "Attach/Exec Pod",
            EXEC,
            "Notice Attach/Exec to pod (user=alice pod=web-0 resource=pods ns=shop action=exec "
            "command=sh)",
        ),
        (
            "Create Privileged Pod",
            pod(pod_spec(PRIVILEGED)),
            "Warning Pod started with privileged container (user=alice pod=web-0 resource=pods "
            "ns=shop images=(nginx:1.27) init_images=<NA> ephemeral_images=<NA>)",
        ),
        (
            "Attach to cluster-admin Role",
            binding({"kind": "User", "name": "mallory"}, role="cluster-admin"),
            "Warning Cluster Role Binding to cluster-admin role (user=alice "
            'subject=({"kind":"User","name":"mallory"}))',
        ),
    ],
)
def test_the_output_of_a_rule(rule: str, given: dict[str, Any], wanted: str) -> None:
    assert _hit(given)[rule].partition(": ")[2] == wanted
