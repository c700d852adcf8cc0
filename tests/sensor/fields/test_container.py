from __future__ import annotations

from typing import Any

import pytest

from sidekick.sensor.containers import ContainerInfo, Mount
from tests.sensor.fields.events import BOOT_NS, CGROUP, CONTAINER, event, knowledge
from tests.sensor.records import call_record, exec_record

INFO = ContainerInfo(
    name="web",
    image="registry:5000/shop/web:1.2",
    image_id="0123456789ab",
    repository="registry:5000/shop/web",
    tag="1.2",
    digest="sha256:ffff",
    privileged=True,
    mounts=(
        Mount("/proc", "/host/proc", "ro", False, "rprivate"),
        Mount("/srv/data", "/data", "", True, ""),
    ),
    labels={
        "io.kubernetes.pod.name": "web-0",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": "u-1",
        "tier": "front",
    },
    pod_labels={"app": "web"},
    sandbox_id="f" * 64,
)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("container.id", CONTAINER[:12]),
        ("container.full_id", CONTAINER),
        ("container.name", "web"),
        ("container.image", "registry:5000/shop/web:1.2"),
        ("container.image.id", "0123456789ab"),
        ("container.image.repository", "registry:5000/shop/web"),
        ("container.image.tag", "1.2"),
        ("container.image.digest", "sha256:ffff"),
        ("container.privileged", True),
        ("container.mounts", "/proc:/host/proc:ro:false:rprivate,/srv/data:/data::true:"),
        ("container.mount[0]", "/proc:/host/proc:ro:false:rprivate"),
        ("container.mount[9]", None),
        ("container.mount.dest[/proc*]", "/host/proc"),
        ("container.mount.dest[/srv]", "/data"),
        ("container.mount.dest[/nowhere]", None),
        ("container.mount.dest[(]", None),
        ("container.mount.source[/data]", "/srv/data"),
        ("container.mount.rdwr[/proc]", "false"),
        ("container.mount.mode[/proc]", "ro"),
        ("container.label[tier]", "front"),
        ("container.label[none]", None),
        ("k8s.pod.name", "web-0"),
        ("k8s.pod.uid", "u-1"),
        ("k8s.ns.name", "shop"),
        ("k8s.pod.label[app]", "web"),
        ("k8s.pod.labels", "app:web"),
        ("k8s.pod.sandbox_id", "f" * 12),
        ("container.start_ts", BOOT_NS + 5),
    ],
)
def test_fields_of_a_container(key: str, value: Any) -> None:
    record = exec_record(cgroup_id=CGROUP, pid_ns_start_ns=5)
    assert event(record, knowledge(INFO))[key] == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("container.id", "host"),
        ("container.name", "host"),
        ("container.image.repository", None),
        ("container.privileged", None),
        ("container.mounts", None),
        ("container.mount.dest[/proc*]", None),
        ("container.start_ts", None),
        ("k8s.ns.name", None),
        ("k8s.pod.label[app]", None),
    ],
)
def test_on_the_host(key: str, value: Any) -> None:
    assert event(call_record(), knowledge(INFO))[key] == value
