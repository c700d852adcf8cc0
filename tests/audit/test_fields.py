"""Each field of an audit event, found as Falco's plugins find it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidekick.audit.fields import FIELDS
from sidekick.audit.record import record_of
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.fields import Shape
from tests.audit.events import TIME_NS, binding, container, encoded, event, pod, pod_spec, role

SECURE = {
    "privileged": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsUser": 1000,
    "runAsGroup": 2000,
    "procMount": "Unmasked",
    "capabilities": {"add": ["NET_ADMIN", "SYS_ADMIN"], "drop": ["ALL"]},
}
FULL = container(
    "app",
    "registry.example:5000/shop/app@sha256:0f",
    command=["/bin/app", "-v"],
    args=["--port=80"],
    ports=[{"hostPort": 8443, "containerPort": 443}, {"containerPort": 9090}],
    securityContext=SECURE,
)
PLAIN = container("side", "busybox")
POD = pod(
    pod_spec(
        FULL,
        PLAIN,
        hostIPC=False,
        hostNetwork=True,
        hostPID=True,
        securityContext={
            "runAsUser": 5,
            "runAsGroup": 6,
            "fsGroup": 7,
            "supplementalGroups": [8, 9],
        },
        volumes=[
            {"name": "a", "hostPath": {"path": "/etc", "type": ""}},
            {"name": "b", "emptyDir": {}},
            {"name": "c", "hostPath": {"path": "/proc/1"}},
            {"name": "d", "flexVolume": {"driver": "cifs"}},
        ],
    ),
    impersonatedUser={"username": "bob"},
)
CONTAINER_FIELDS = {
    "args": ['["--port=80"]'],
    "command": ['["/bin/app","-v"]'],
    "name": ["app", "side"],
    "image": ["registry.example:5000/shop/app@sha256:0f", "busybox"],
    "image.repository": ["registry.example", "busybox"],
    "host_port": ["8443", "9090"],
    "privileged": ["true"],
    "allow_privilege_escalation": ["false"],
    "read_only_fs": ["true"],
    "run_as_user": ["1000"],
    "eff_run_as_user": ["0", "0"],
    "run_as_group": ["2000"],
    "eff_run_as_group": ["0", "0"],
    "proc_mount": ["Unmasked"],
    "add_capabilities": ['["NET_ADMIN","SYS_ADMIN"]'],
}
LISTS = ("containers", "initContainers", "ephemeralContainers")
SUBJECTS = (
    {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"},
    {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "ops"},
    {"kind": "ServiceAccount", "name": "default", "namespace": "shop"},
    {"kind": "ServiceAccount", "name": "ci"},
)
BINDING = binding(*SUBJECTS, role="cluster-admin")
RULES = (
    {"verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["pods", "pods/exec"]},
    {"verbs": ["*"], "nonResourceURLs": ["/metrics"]},
    {"verbs": ["watch"], "sourceIPs": ["192.0.2.1"]},
)
ROLE = role(*RULES)
SERVICE = event(
    "create",
    "services",
    "web",
    body={"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}},
)
CONFIGMAP = event("update", "configmaps", "app", body={"data": {"password": "x <&> y"}})
EXEC = event(
    "create",
    "pods",
    "web-0",
    subresource="exec",
    stage="ResponseStarted",
    code=101,
    query="?command=sh&command=-c&container=web&stdin=true&tty=a%20b%2Fc+d",
)
REFUSED = event(
    "get",
    "secrets",
    "db",
    responseStatus={"metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403},
    annotations={
        "authorization.k8s.io/decision": "forbid",
        "authorization.k8s.io/reason": "",
        "authentication.openshift.io/decision": "deny",
        "authentication.openshift.io/username": "carol",
        "validation.policy.admission.k8s.io/validation_failure": '[{"message":"no"}]',
        "pod-security.kubernetes.io/audit-violations": "would violate",
        "cluster_name": "prod",
    },
)

FOUND: list[tuple[str, dict[str, Any], Any]] = [
    ("ka.auditid", POD, "4e4a0b0e-6b8e-4e5f-9d8c-3c2f1a0b9d8e"),
    ("ka.stage", EXEC, "ResponseStarted"),
    ("ka.auth.decision", REFUSED, "forbid"),
    ("ka.auth.reason", REFUSED, ""),
    ("ka.auth.openshift.decision", REFUSED, "deny"),
    ("ka.auth.openshift.username", REFUSED, "carol"),
    ("ka.validations.admission.policy.failure", REFUSED, '[{"message":"no"}]'),
    ("ka.security.pod.violations", REFUSED, "would violate"),
    ("ka.cluster.name", REFUSED, "prod"),
    ("ka.user.name", POD, "alice"),
    ("ka.user.groups", POD, ["developers", "system:authenticated"]),
    ("ka.impuser.name", POD, "bob"),
    ("ka.verb", EXEC, "create"),
    ("ka.uri", ROLE, "/apis/rbac.authorization.k8s.io/v1/clusterroles/r"),
    ("ka.uri.param[command]", EXEC, "sh"),
    ("ka.uri.param[tty]", EXEC, "a b/c d"),
    ("ka.uri.param[nothing]", EXEC, None),
    ("ka.target.name", EXEC, "web-0"),
    ("ka.target.namespace", EXEC, "shop"),
    ("ka.target.resource", EXEC, "pods"),
    ("ka.target.subresource", EXEC, "exec"),
    ("ka.target.pod.name", EXEC, "web-0"),
    ("ka.target.pod.name", REFUSED, None),
    ("ka.req.binding.subjects", BINDING, [json.dumps(s, separators=(",", ":")) for s in SUBJECTS]),
    ("ka.req.binding.subjects.user_names", BINDING, ["mallory"]),
    ("ka.req.binding.subjects.group_names", BINDING, ["ops"]),
    ("ka.req.binding.subjects.serviceaccount_names", BINDING, ["default", "ci"]),
    ("ka.req.binding.subjects.serviceaccount_ns_names", BINDING, ["shop:default", "ci"]),
    ("ka.req.binding.role", BINDING, "cluster-admin"),
    ("ka.req.binding.subject.has_name[x]", BINDING, "true"),
    ("ka.req.configmap.name", CONFIGMAP, "app"),
    ("ka.req.configmap.obj", CONFIGMAP, '{"password":"x <&> y"}'),
    ("ka.req.container.image", POD, "registry.example:5000/shop/app@sha256:0f"),
    ("ka.req.container.image.repository", POD, "registry.example"),
    ("ka.req.container.host_network", POD, "true"),
    ("ka.req.container.privileged", POD, "true"),
    ("ka.req.container.privileged", pod(pod_spec()), "false"),
    ("ka.req.pod.host_ipc", POD, "false"),
    ("ka.req.pod.host_network", POD, "true"),
    ("ka.req.pod.host_pid", POD, "true"),
    ("ka.req.pod.run_as_user", POD, "5"),
    ("ka.req.pod.run_as_group", POD, "6"),
    ("ka.req.pod.fs_group", POD, "7"),
    ("ka.req.pod.supplemental_groups", POD, ["8", "9"]),
    ("ka.req.role.rules", ROLE, [json.dumps(r, separators=(",", ":")) for r in RULES]),
    ("ka.req.role.rules[1]", ROLE, ['{"verbs":["*"],"nonResourceURLs":["/metrics"]}']),
    ("ka.req.role.rules.apiGroups", ROLE, ["", "apps"]),
    ("ka.req.role.rules.nonResourceURLs", ROLE, ["/metrics"]),
    ("ka.req.role.rules.verbs", ROLE, ["get", "list", "*", "watch"]),
    ("ka.req.role.rules.verbs[0]", ROLE, ["get", "list"]),
    ("ka.req.role.rules.resources", ROLE, ["pods", "pods/exec"]),
    ("ka.sourceips", ROLE, ["192.0.2.1"]),
    ("ka.sourceips", POD, None),
    ("ka.req.service.type", SERVICE, "NodePort"),
    ("ka.req.service.ports", SERVICE, ['[{"port":80,"nodePort":30080}]']),
    ("ka.req.volume.hostpath[/etc]", POD, "true"),
    ("ka.req.volume.hostpath[/e*]", POD, "true"),
    ("ka.req.volume.hostpath[/proc*]", POD, "false"),
    ("ka.req.pod.volumes.hostpath", POD, ["/etc", "/proc/1"]),
    ("ka.req.pod.volumes.hostpath[2]", POD, ["/proc/1"]),
    ("ka.req.pod.volumes.hostpath[1]", POD, None),
    ("ka.req.pod.volumes.flexvolume_driver", POD, ["cifs"]),
    ("ka.req.pod.volumes.volume_type", POD, ["hostPath", "emptyDir", "hostPath", "flexVolume"]),
    ("ka.req.pod.volumes.volume_type[1]", POD, ["emptyDir"]),
    ("ka.resp.name", POD, "web-0"),
    ("ka.response.code", REFUSED, "403"),
    ("ka.response.reason", REFUSED, "Forbidden"),
    ("ka.useragent", POD, "kubectl/v1.34.2 (linux/amd64) kubernetes/8cc511e"),
    *((f"ka.req.pod.containers.{part}", POD, found) for part, found in CONTAINER_FIELDS.items()),
    ("jevt.value[/stage]", EXEC, "ResponseStarted"),
    ("jevt.value[stage]", EXEC, "ResponseStarted"),
    ("json.value[/responseStatus/code]", EXEC, "101"),
    ("jevt.value[/requestObject/spec/volumes/0/hostPath/path]", POD, "/etc"),
    ("jevt.value[/requestObject/spec/hostPID]", POD, "true"),
    ("jevt.value[/annotations/authorization.k8s.io~1decision]", REFUSED, "forbid"),
    ("jevt.value[/user]", EXEC, json.dumps(EXEC["user"], separators=(",", ":"))),
    ("jevt.value[/requestObject/spec/volumes/9]", POD, None),
    ("jevt.value[/stage/deeper]", POD, None),
    ("jevt.rawtime", POD, str(TIME_NS)),
    ("json.rawtime", POD, str(TIME_NS)),
    ("evt.rawtime", POD, TIME_NS),
    ("evt.rawtime.s", POD, 1_767_323_045),
    ("evt.rawtime.ns", POD, 125_456_000),
    ("evt.num", POD, 1),
    ("evt.source", POD, "k8s_audit"),
    ("evt.pluginname", POD, "k8saudit"),
    ("evt.plugininfo", {"a": 1}, '{"a":1}'),
    ("evt.is_async", POD, False),
    ("evt.asynctype", POD, None),
]


@pytest.mark.parametrize(
    ("field", "given", "wanted"), FOUND, ids=[f"{n}-{row[0]}" for n, row in enumerate(FOUND)]
)
def test_a_field_is_found(field: str, given: dict[str, Any], wanted: Any) -> None:
    found = record_of(encoded(given))[field]

    assert (found or None) == (wanted or None)
    assert found == wanted or found == []


@pytest.mark.parametrize("group", LISTS)
@pytest.mark.parametrize("part", CONTAINER_FIELDS)
def test_each_list_of_containers_has_fields_of_its_own(group: str, part: str) -> None:
    spec = pod_spec(container("web", "nginx")) | {group: [FULL, PLAIN]}
    record = record_of(encoded(pod(spec)))

    assert record[f"ka.req.pod.{group}.{part}"] == CONTAINER_FIELDS[part]
    for other in LISTS[1:]:
        if other != group:
            assert record[f"ka.req.pod.{other}.{part}"] is None


@pytest.mark.parametrize("part", ["image", "image.repository", "name", "host_port", "privileged"])
def test_a_number_in_brackets_picks_one_container(part: str) -> None:
    record = record_of(encoded(POD))
    whole = CONTAINER_FIELDS[part]

    assert record[f"ka.req.pod.containers.{part}[0]"] == (
        whole if part in ("host_port", "privileged") else whole[:1]
    )
    assert record[f"ka.req.pod.containers.{part}[7]"] is None


@pytest.mark.parametrize("part", ["image", "image.repository", "name"])
def test_one_container_without_image_or_name_hides_those_of_all(part: str) -> None:
    without = {key: value for key, value in PLAIN.items() if key not in ("image", "name")}

    record = record_of(encoded(pod(pod_spec(FULL, without))))

    assert record[f"ka.req.pod.containers.{part}"] is None
    assert record["ka.req.pod.containers.privileged"] == ["true"]
    assert record["ka.req.container.image"] == FULL["image"]


def test_ports_that_are_no_list_hide_those_of_all() -> None:
    odd = PLAIN | {"ports": {"containerPort": 1}}

    assert record_of(encoded(pod(pod_spec(FULL, odd))))["ka.req.pod.containers.host_port"] is None


def test_a_users_own_default_is_taken_where_the_plugin_looks_for_it() -> None:
    spec = pod_spec(FULL, PLAIN | {"runAsUser": 12}, runAsUser=11)

    found = record_of(encoded(pod(spec)))["ka.req.pod.containers.eff_run_as_user"]

    assert found == ["11", "12"]


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_what_has_no_audit_id_is_no_audit_event(field: str) -> None:
    argument = "" if field not in _KEYED else "[/stage]"
    record = record_of(encoded({k: v for k, v in POD.items() if k != "auditID"}))

    found = record[f"{field}{argument}"]

    assert found == (None if field.startswith("ka.") else "ResponseComplete")


_KEYED = {"ka.uri.param", "ka.req.volume.hostpath", "ka.req.binding.subject.has_name"}
_KEYED |= {"jevt.value", "json.value"}


def test_every_field_that_rules_may_name_is_one_of_these() -> None:
    known = {name for name in SOURCES["k8s_audit"].kinds if name.startswith(("ka.", "json.v"))}

    assert known <= FIELDS.keys()
    assert {row[0].partition("[")[0] for row in FOUND} | {
        f"ka.req.pod.{group}.{part}" for group in LISTS for part in CONTAINER_FIELDS
    } >= FIELDS.keys()


@pytest.mark.parametrize(
    ("name", "kind"), [(n, k) for n, k in SOURCES["k8s_audit"].kinds.items() if n in FIELDS]
)
def test_a_list_is_a_list_and_a_text_is_a_text(name: str, kind: Any) -> None:
    argument = "[/etc]" if name in _KEYED else ""
    for given in (POD, BINDING, ROLE, SERVICE, CONFIGMAP, EXEC, REFUSED):
        found = record_of(encoded(given))[f"{name}{argument}"]
        assert found is None or isinstance(found, list if kind.shape is Shape.LIST else str)


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (b'"x"', "x"),
        (b"201", "201"),
        (b"1.50", "1.50"),
        (b"1E3", "1E3"),
        (b"true", "true"),
        (b"null", "null"),
        (b'{"a": "<\\u003c", "b" : [1.0, null]}', '{"a":"<\\u003c","b":[1.0,null]}'),
        (b"[]", "[]"),
    ],
)
def test_the_text_of_what_is_no_string_is_the_json_that_was_sent(sent: bytes, wanted: str) -> None:
    body = b'{"auditID":"x","verb":' + sent + b',"user":{"username": ' + sent + b"}}"

    record = record_of(body)

    assert record["ka.verb"] == wanted
    assert record["jevt.value[/verb]"] == wanted
    assert record["ka.user.name"] == wanted
