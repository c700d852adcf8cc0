"""What a Kubernetes audit event costs: from the JSON of a webhook's request to its alerts.

    python -m bench.audit

Requests of 100 events, as an API server sends them: decoded, taken apart and judged, on one core.
The rules are Falco's own 48, if they are beside the checkout (``../shared/falco-rules``), and the
packs of this project; "calls" are empty Python calls timed in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from bench.rules import empty_call
from sidekick.audit.batch import read_batch
from sidekick.audit.record import SOURCE, AuditRecord
from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from sidekick.rules.engine import Engine
from sidekick.rules.event_types import PLUGIN_EVENT
from tests.audit.events import container, event, pod, pod_spec, role

_OFFICIAL = Path(__file__).parents[2] / "shared" / "falco-rules" / "k8s_audit_rules.yaml"
_REQUESTS = 100
_EVENTS = 100
_ROUNDS = 5
_LARGEST = 4 * 1024**2

_CONTROLLERS = ("deployment-controller", "replicaset-controller", "endpointslice-controller")
_OPERATORS = ("argocd:argocd-application-controller", "monitoring:prometheus", "shop:default")


def _account(random: Random) -> dict[str, Any]:
    """A service account: mostly a controller of the cluster, else an operator."""
    if random.random() < 0.6:
        name, group = f"kube-system:{random.choice(_CONTROLLERS)}", "kube-system"
    else:
        name = random.choice(_OPERATORS)
        group = name.partition(":")[0]
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{group}"]
    return {"user": f"system:serviceaccount:{name}", "groups": groups}


def _full_pod(random: Random) -> dict[str, Any]:
    """The creation of a pod with two containers of usual length: some 6 kB."""
    containers = [
        container(
            name,
            f"registry.example.com/shop/{name}:1.4.{random.randrange(99)}",
            command=["/bin/app", "--port=8080"],
            env=[{"name": f"SETTING_{n}", "value": "v" * 24} for n in range(10)],
            ports=[{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            livenessProbe={"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
            securityContext={"runAsNonRoot": True, "allowPrivilegeEscalation": False},
            volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}],
        )
        for name in ("web", "sidecar")
    ]
    return pod(pod_spec(*containers), name=f"web-{random.randrange(10**6)}", **_account(random))


def _event(random: Random) -> dict[str, Any]:
    """One of what a busy cluster reports with our policy."""
    name, account = f"x-{random.randrange(1000)}", _account(random)
    dice = random.random()
    if dice < 0.45:
        kind = random.choice(("pods", "configmaps", "deployments", "endpoints", "namespaces"))
        return event(random.choice(("get", "list", "watch")), kind, name, **account)
    if dice < 0.60:
        status = {"status": {"conditions": [{"type": "Ready", "status": "True"}] * 4}}
        return event("patch", "deployments", name, subresource="status", body=status, **account)
    if dice < 0.72:
        data = {f"key-{n}": "some text " * 12 for n in range(6)}
        return event("update", "configmaps", name, body={"data": data}, **account)
    if dice < 0.82:
        spec = {"replicas": 3, "template": {"spec": pod_spec()}}
        return event("update", "deployments", name, body={"spec": spec}, **account)
    if dice < 0.90:
        return _full_pod(random)
    if dice < 0.96:
        return event("create", "serviceaccounts", name, subresource="token", **account)
    if dice < 0.985:
        return event("list", "secrets", **account)
    if dice < 0.995:
        return event("get", "pods", name, user="kubernetes-admin", groups=["system:masters"])
    rules = {"apiGroups": [""], "verbs": ["get", "create"], "resources": ["pods", "pods/exec"]}
    return role(rules, **account)


def requests(count: int = _REQUESTS, seed: int = 1) -> list[bytes]:
    """Bodies of requests with 100 events each."""
    random = Random(seed)
    head = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}}
    return [
        msgspec.json.encode(head | {"items": [_event(random) for _ in range(_EVENTS)]})
        for _ in range(count)
    ]


def judge(engine: Engine, bodies: Sequence[bytes]) -> tuple[float, int]:
    """(seconds of one core, alerts) for all events of some requests, the best of some rounds."""
    best, count = float("inf"), 0
    for _ in range(_ROUNDS):
        count, alerts = 0, engine.alerts
        began = time.process_time()
        for body in bodies:
            for found in read_batch(body, _LARGEST):
                assert isinstance(found, AuditRecord)
                count += len(alerts(SOURCE, PLUGIN_EVENT, found, found.time_ns))
        best = min(best, time.process_time() - began)
    return best, count


def main() -> None:
    """Print the table."""
    call, bodies = empty_call(), requests()
    events, size = len(bodies) * _EVENTS, sum(map(len, bodies))
    sets = {"the packs": list(pack_files())}
    if _OFFICIAL.exists():
        sets = {"Falco's": [_OFFICIAL], **sets}
    print(f"audit events of {size / events:,.0f} bytes on average, JSON decoding included:")
    for name, files in sets.items():
        engine = Engine(load_files(files))
        secs, alerts = judge(engine, bodies)
        us = secs / events * 1e6
        count = sum(rule.source == SOURCE for rule in engine.rules)
        print(
            f"{f'{name}, {count} rules':34}{events / secs:10,.0f} events/s {us:6.2f} µs "
            f"{us / call:5.0f} calls   {alerts / events:.2%} alerts"
        )


if __name__ == "__main__":
    main()
