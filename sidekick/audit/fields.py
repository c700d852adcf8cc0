"""The fields of an audit event: how each of ``ka.*``, ``jevt.*`` and ``json.*`` is found in it.

As the k8saudit plugin 0.18 and the json plugin 0.7 of Falco extract them, peculiarities included,
because rules rely on them; those are told where they are. What is absent is None.
"""

from __future__ import annotations

from collections.abc import Mapping

from sidekick.audit.extract import (
    Extract,
    Make,
    each,
    effective,
    every,
    first_of,
    flattened,
    listed,
    path_of,
    repository,
    scalar,
)
from sidekick.audit.peculiar import (
    has_host_path,
    host_ports,
    pod_name,
    pointer,
    privileged,
    subjects,
    uri_parameter,
    volume_types,
)

_ANNOTATIONS = {
    "ka.auth.decision": "authorization.k8s.io/decision",
    "ka.auth.reason": "authorization.k8s.io/reason",
    "ka.auth.openshift.decision": "authentication.openshift.io/decision",
    "ka.auth.openshift.username": "authentication.openshift.io/username",
    "ka.validations.admission.policy.failure": (
        "validation.policy.admission.k8s.io/validation_failure"
    ),
    "ka.security.pod.violations": "pod-security.kubernetes.io/audit-violations",
    "ka.cluster.name": "cluster_name",  # how GKE labels what it exports
}
_SCALARS = {
    "ka.auditid": "auditID",
    "ka.stage": "stage",
    "ka.user.name": "user/username",
    "ka.impuser.name": "impersonatedUser/username",
    "ka.verb": "verb",
    "ka.uri": "requestURI",
    "ka.target.name": "objectRef/name",
    "ka.target.namespace": "objectRef/namespace",
    "ka.target.resource": "objectRef/resource",
    "ka.target.subresource": "objectRef/subresource",
    "ka.req.binding.role": "requestObject/roleRef/name",
    "ka.req.configmap.name": "objectRef/name",
    "ka.req.configmap.obj": "requestObject/data",
    "ka.req.container.host_network": "requestObject/spec/hostNetwork",
    "ka.req.pod.host_ipc": "requestObject/spec/hostIPC",
    "ka.req.pod.host_network": "requestObject/spec/hostNetwork",
    "ka.req.pod.host_pid": "requestObject/spec/hostPID",
    "ka.req.pod.run_as_user": "requestObject/spec/securityContext/runAsUser",
    "ka.req.pod.run_as_group": "requestObject/spec/securityContext/runAsGroup",
    "ka.req.pod.fs_group": "requestObject/spec/securityContext/fsGroup",
    "ka.req.service.type": "requestObject/spec/type",
    "ka.resp.name": "responseObject/metadata/name",
    "ka.response.code": "responseStatus/code",
    "ka.response.reason": "responseStatus/reason",
    "ka.useragent": "userAgent",
}
_LISTS = {
    "ka.user.groups": "user/groups",
    "ka.req.binding.subjects": "requestObject/subjects",
    "ka.req.pod.supplemental_groups": "requestObject/spec/securityContext/supplementalGroups",
    "ka.req.role.rules": "requestObject/rules",
}
_EACH = {
    # A list at the end of a path is one value: the ports of a service come as one text.
    "ka.req.service.ports": "requestObject/spec/ports",
    "ka.req.pod.volumes.hostpath": "requestObject/spec/volumes/hostPath/path",
    "ka.req.pod.volumes.flexvolume_driver": "requestObject/spec/volumes/flexVolume/driver",
}
_FLATTENED = {
    "ka.req.role.rules.apiGroups": "apiGroups",
    "ka.req.role.rules.nonResourceURLs": "nonResourceURLs",
    "ka.req.role.rules.resources": "resources",
    "ka.req.role.rules.verbs": "verbs",
    # Not the addresses of the caller: the plugin looks for them in the rules of a role.
    "ka.sourceips": "sourceIPs",
}
_SUBJECTS = {
    "ka.req.binding.subjects.user_names": "User",
    "ka.req.binding.subjects.group_names": "Group",
    "ka.req.binding.subjects.serviceaccount_names": "ServiceAccount",
}
_CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
_CONTAINER_PARTS = {
    "args": "args",
    "command": "command",
    "privileged": "securityContext/privileged",
    "allow_privilege_escalation": "securityContext/allowPrivilegeEscalation",
    "read_only_fs": "securityContext/readOnlyRootFilesystem",
    "run_as_user": "securityContext/runAsUser",
    "run_as_group": "securityContext/runAsGroup",
    "proc_mount": "securityContext/procMount",
    "add_capabilities": "securityContext/capabilities/add",
}


def extractor(key: str) -> Extract | None:
    """How a field with its argument (``ka.uri.param[command]``) is found; None if it is unknown."""
    name, bracket, rest = key.partition("[")
    make = FIELDS.get(name)
    return make(rest[:-1] if bracket else None) if make else None


def _container_fields(group: str) -> dict[str, Make]:
    name, path = f"ka.req.pod.{group}.", ("requestObject", "spec", group)
    return {
        **{name + part: each((*path, *path_of(where))) for part, where in _CONTAINER_PARTS.items()},
        f"{name}name": every((*path, "name")),
        f"{name}image": every((*path, "image")),
        f"{name}image.repository": every((*path, "image"), repository),
        f"{name}host_port": host_ports(path),
        f"{name}eff_run_as_user": effective(path, "runAsUser"),
        f"{name}eff_run_as_group": effective(path, "runAsGroup"),
    }


_CONTAINERS = {k: v for group in _CONTAINER_LISTS for k, v in _container_fields(group).items()}

FIELDS: Mapping[str, Make] = {
    **{name: scalar("annotations", key) for name, key in _ANNOTATIONS.items()},
    **{name: scalar(*path_of(path)) for name, path in _SCALARS.items()},
    **{name: listed(path_of(path)) for name, path in _LISTS.items()},
    **{name: each(path_of(path)) for name, path in _EACH.items()},
    **{name: flattened(key) for name, key in _FLATTENED.items()},
    **{name: subjects(kind) for name, kind in _SUBJECTS.items()},
    **_CONTAINERS,
    "ka.req.binding.subjects.serviceaccount_ns_names": subjects("ServiceAccount", namespaced=True),
    "ka.req.binding.subject.has_name": lambda argument: lambda event: "true",
    "ka.req.container.image": first_of(_CONTAINERS["ka.req.pod.containers.image"]),
    "ka.req.container.image.repository": first_of(
        _CONTAINERS["ka.req.pod.containers.image.repository"]
    ),
    "ka.req.container.privileged": lambda argument: privileged,
    "ka.req.pod.volumes.volume_type": volume_types,
    "ka.req.volume.hostpath": has_host_path,
    "ka.target.pod.name": lambda argument: pod_name,
    "ka.uri.param": uri_parameter,
    "jevt.value": pointer,
    "json.value": pointer,
}
"""Every field that is found in the event itself, by its name without an argument."""
