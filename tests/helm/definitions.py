"""The custom resources that the chart may make: Prometheus' operator's, the Gateway API's."""

from __future__ import annotations

import yaml

from tests.helm.chart import Object
from tests.servers import places
from tests.servers.kubernetes import Kubernetes


def install_definitions(server: Kubernetes) -> None:
    """Have an API server take them; returns when it does."""
    for file in places.resource_definitions().glob("*.yaml"):
        definition = yaml.safe_load(file.read_text())
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        status, told = server.call("POST", path, definition)
        assert status in (201, 409), told
        _wait_for(server, definition)


def _wait_for(server: Kubernetes, definition: Object) -> None:
    spec = definition["spec"]
    version = next(one["name"] for one in spec["versions"] if one["served"])
    path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
    for _ in range(200):
        status, told = server.call("GET", path)
        if status == 200:
            return
    raise AssertionError(told)
