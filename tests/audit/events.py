"""Audit events of the shape that an API server sends: head, target, bodies, annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

TIME = "2026-01-02T03:04:05.125456Z"
TIME_NS = 1_767_323_045_125_456_000
_GROUPS = {
    "apps": ("deployments", "daemonsets", "statefulsets", "replicasets"),
    "rbac.authorization.k8s.io": ("roles", "clusterroles", "rolebindings", "clusterrolebindings"),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
}
_CODES = {"create": 201}


def event(
    verb: str,
    resource: str,
    name: str | None = None,
    *,
    namespace: str | None = "shop",
    subresource: str | None = None,
    user: str = "alice",
    groups: list[str] | None = None,
    body: Any = None,
    response: Any = None,
    code: int | None = None,
    query: str = "",
    **more: Any,
) -> dict[str, Any]:
    """One event; ``body`` is the request's object, ``more`` sets or replaces top-level keys."""
    group = next((g for g, resources in _GROUPS.items() if resource in resources), "")
    target: dict[str, Any] = {"resource": resource}
    target |= {"namespace": namespace} if namespace else {}
    target |= {"name": name} if name else {}
    target |= {"apiGroup": group} if group else {}
    target |= {"apiVersion": "v1"}
    target |= {"subresource": subresource} if subresource else {}
    found: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse" if body is not None else "Metadata",
        "auditID": "4e4a0b0e-6b8e-4e5f-9d8c-3c2f1a0b9d8e",
        "stage": "ResponseComplete",
        "requestURI": _uri(group, namespace, resource, name, subresource) + query,
        "verb": verb,
        "user": {
            "username": user,
            "uid": "2",
            "groups": [*(groups or ["developers"]), "system:authenticated"],
        },
        "sourceIPs": ["10.244.1.7"],
        "userAgent": "kubectl/v1.34.2 (linux/amd64) kubernetes/8cc511e",
        "objectRef": target,
        "responseStatus": {"metadata": {}, "code": code or _CODES.get(verb, 200)},
        "requestReceivedTimestamp": "2026-01-02T03:04:05.123456Z",
        "stageTimestamp": TIME,
        "annotations": {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": 'RBAC: allowed by RoleBinding "dev/shop" of Role "dev"',
        },
    }
    found |= {"requestObject": body} if body is not None else {}
    found |= {"responseObject": response} if response is not None else {}
    return found | more


def _uri(
    group: str, namespace: str | None, resource: str, name: str | None, subresource: str | None
) -> str:
    parts = ["apis", group, "v1"] if group else ["api", "v1"]
    parts += ["namespaces", namespace] if namespace else []
    return "/" + "/".join(part for part in (*parts, resource, name, subresource) if part)


def pod_spec(*containers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The spec of a pod; one container of nginx if none is given."""
    return {
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": list(containers) or [container()],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    } | more


def container(name: str = "web", image: str = "nginx:1.27", **more: Any) -> dict[str, Any]:
    """A container; ``privileged`` and the like go into ``securityContext=``."""
    return {
        "name": name,
        "image": image,
        "resources": {},
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
    } | more


def pod(spec: dict[str, Any], name: str = "web-0", **more: Any) -> dict[str, Any]:
    """The creation of a pod."""
    body: dict[str, Any] = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web"}},
        "spec": spec,
        "status": {},
    }
    created = body | {"metadata": {**body["metadata"], "uid": "0a1b", "resourceVersion": "812"}}
    return event("create", "pods", name, body=body, response=created, **more)


def role(*rules: Mapping[str, Any], resource: str = "clusterroles", **more: Any) -> dict[str, Any]:
    """The creation of a role."""
    body = {"metadata": {"name": "r"}, "rules": list(rules)}
    return event("create", resource, "r", namespace=None, body=body, **more)


def binding(
    *subjects: Mapping[str, Any],
    role: str = "view",
    resource: str = "clusterrolebindings",
    **more: Any,
) -> dict[str, Any]:
    """The creation of a binding to a role."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    body = {"metadata": {"name": "b"}, "subjects": list(subjects), "roleRef": reference}
    return event("create", resource, "b", namespace=None, body=body, **more)


def encoded(event: Mapping[str, Any]) -> bytes:
    """As it comes over the wire."""
    return msgspec.json.encode(event)
