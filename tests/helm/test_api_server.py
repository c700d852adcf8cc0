"""A real API server takes every object of the chart: its schema, and restricted Pod Security."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.helm.chart import CHART, Object, helm, one, render
from tests.helm.definitions import install_definitions
from tests.helm.values import FALCOSIDEKICK, TABLE
from tests.servers.kubernetes import Kubernetes

pytestmark = pytest.mark.servers

NAMESPACE = "chart"
STRICT = "?dryRun=All&fieldValidation=Strict"
PLURALS = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}


@pytest.fixture(scope="module")
def cluster(kubernetes_server: Kubernetes) -> Kubernetes:
    """An API server with the custom resources, and a namespace that takes restricted pods only."""
    install_definitions(kubernetes_server)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }
    status, told = kubernetes_server.call("POST", "/api/v1/namespaces", namespace)
    assert status in (201, 409), told
    return kubernetes_server


def _path(found: Object) -> str:
    version = found["apiVersion"]
    prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = PLURALS.get(found["kind"], f"{found['kind'].lower()}s")
    return f"{prefix}/namespaces/{NAMESPACE}/{plural}{STRICT}"


def _here(found: Object) -> Object:
    moved = deepcopy(found)
    moved["metadata"]["namespace"] = NAMESPACE
    return moved


@pytest.mark.parametrize("values", TABLE.values(), ids=TABLE)
def test_the_api_server_takes_every_object(cluster: Kubernetes, values: dict[str, Any]) -> None:
    for found in render(values):
        status, told = cluster.call("POST", _path(found), _here(found))
        assert status == 201, (found["kind"], told)


@pytest.mark.parametrize("values", TABLE.values(), ids=TABLE)
def test_a_pod_is_as_restricted_as_can_be(cluster: Kubernetes, values: dict[str, Any]) -> None:
    name = values.get("fullnameOverride", "r-sidekick")
    template = one(render(values), "StatefulSet", name)["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] |= {"name": "one", "namespace": NAMESPACE}
    if not any(volume["name"] == "log" for volume in pod["spec"]["volumes"]):
        claim = {"name": "log", "persistentVolumeClaim": {"claimName": "log"}}
        pod["spec"]["volumes"].append(claim)  # as the StatefulSet's controller does

    status, told = cluster.call("POST", _path(pod), pod)
    assert status == 201, told


def test_the_namespace_would_refuse_a_root_pod(cluster: Kubernetes) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "a", "image": "b"}]},
    }
    status, told = cluster.call("POST", _path(pod), pod)
    assert (status, told["reason"]) == (403, "Forbidden")


def test_an_unknown_field_would_be_refused(cluster: Kubernetes) -> None:
    service = one(render(), "Service")
    service["spec"]["portz"] = []

    status, told = cluster.call("POST", _path(service), _here(service))
    assert status == 400
    assert "portz" in told["message"]


def test_it_is_installed_upgraded_and_removed(cluster: Kubernetes) -> None:
    where = ("--kubeconfig", cluster.kubeconfig(), "--namespace", NAMESPACE)

    helm("install", "r", CHART, *where, values={})
    assert _names(cluster) == ["r-sidekick"]
    helm("upgrade", "r", CHART, *where, values=FALCOSIDEKICK)
    assert _names(cluster) == ["falcosidekick"]
    notes = helm("get", "notes", "r", *where)
    assert "url: http://falcosidekick.chart:2801/" in notes
    helm("uninstall", "r", *where)
    assert _names(cluster) == []


def _names(cluster: Kubernetes) -> list[str]:
    _, found = cluster.call("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets")
    return [item["metadata"]["name"] for item in found["items"]]


def test_outputs_that_are_not_there_are_named_and_not_refused(cluster: Kubernetes) -> None:
    config = {
        "aws": {"sqs": {"url": "https://sqs.example/q"}, "s3": {"bucket": "b"}},
        "slack": {"webhookurl": "https://hooks.slack.example/x"},
        "smtp": {"hostport": "", "tls": True},
        "teams": {"webhookurl": "https://teams.example/x"},
    }
    found = _notes(cluster, {"config": config})

    assert "no destination for these outputs yet: aws.sqs, teams. " in found
    assert "No destination is configured" not in found
    assert "No destination is configured" in _notes(cluster, {})


def _notes(cluster: Kubernetes, values: dict[str, Any]) -> str:
    where = ("--kubeconfig", cluster.kubeconfig(), "--namespace", NAMESPACE)
    return helm("install", "notes", CHART, "--dry-run=server", *where, values=values)
