"""Pods of a real containerd, asked directly and seen by the real sensor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidekick.sensor.containers import Mount
from sidekick.sensor.cri import Cri
from tests.ebpf.kernel import need_kernel
from tests.sensor.kernel import rule, running
from tests.sensor.pods import IMAGE, Containerd, containerd, missing
from tests.servers.unavailable import unavailable

FOREVER = "sleep 600"


@pytest.fixture(scope="module")
def runtime() -> Iterator[Containerd]:
    need_kernel()
    if reason := missing():
        unavailable(reason)
    with containerd() as found:
        yield found


def test_what_containerd_says_of_a_container(runtime: Containerd) -> None:
    with runtime.pod("web-1", privileged=True) as pod:
        container_id = pod.start("web", FOREVER)
        found = Cri(runtime.socket).inspect(container_id)
    assert found is not None
    assert (found.name, found.type, found.image) == ("web", "containerd", IMAGE)
    assert (found.repository, found.tag) == ("registry.example:5000/shop/web", "1.2")
    assert found.image_id is None or len(found.image_id) == 12
    assert found.privileged is True
    assert (found.host_network, found.host_pid, found.host_ipc) == (True, False, False)
    assert Mount("/tmp", "/data", "", False, "private") in (found.mounts or ())
    assert found.sandbox_id == pod.sandbox_id
    assert found.pod_labels == {"tier": "front"}
    assert found.labels == {
        "io.kubernetes.container.name": "web",
        "io.kubernetes.pod.name": "web-1",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": "uid-of-web-1",
    }


def test_what_containerd_says_of_a_sandbox(runtime: Containerd) -> None:
    with runtime.pod("web-2") as pod:
        found = Cri(runtime.socket).inspect(pod.sandbox_id)
    assert found is not None
    assert (found.name, found.sandbox_id, found.privileged) == ("web-2", pod.sandbox_id, False)
    assert found.labels["io.kubernetes.pod.namespace"] == "shop"
    assert found.labels["tier"] == "front"


def test_a_container_that_containerd_does_not_have_is_none(runtime: Containerd) -> None:
    assert Cri(runtime.socket).inspect("ab" * 32) is None


def test_an_act_in_a_pod_is_told_with_its_names(runtime: Containerd, tmp_path: Path) -> None:
    config = tmp_path / "sidekick.yaml"
    config.write_text(
        "listen: {address: 127.0.0.1, port: 0}\n"
        "admin: {enabled: false}\n"
        f"sensor: {{containers: {{docker: [], cri: [{runtime.socket}], wait: 2s}}}}\n"
    )
    rules = tmp_path / "rules.yaml"
    fields = (
        "container.type container.name container.image.repository container.image.tag "
        "container.privileged k8s.ns.name k8s.pod.name k8s.pod.uid k8s.pod.label[tier]"
    )
    output = " ".join(f"%{name}" for name in fields.split())
    condition = "evt.type = execve and container.id != host and proc.cmdline contains marked"
    rules.write_text(rule("in a pod", condition, output))
    arguments = ["run", "--json", "-c", str(config), "--rules", str(rules)]
    with running(*arguments, state=tmp_path) as sidekick, runtime.pod("web-3") as pod:
        sidekick.hears("the sensor watches")
        pod.start("web", "cat /marked; sleep 600")
        found = sidekick.alert("in a pod", container_name="web")["output_fields"]
    told = {name: str(found[name]) for name in fields.split()}
    assert told == {
        "container.type": "containerd",
        "container.name": "web",
        "container.image.repository": "registry.example:5000/shop/web",
        "container.image.tag": "1.2",
        "container.privileged": "False",
        "k8s.ns.name": "shop",
        "k8s.pod.name": "web-3",
        "k8s.pod.uid": "uid-of-web-3",
        "k8s.pod.label[tier]": "front",
    }
