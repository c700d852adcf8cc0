from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sidekick.sensor.containers import Mount
from sidekick.sensor.cri import Cri, info_of, sandbox_of
from sidekick.sensor.protobuf import Message, encode
from tests.sensor.runtimes import Answer, served

ID, POD = "ab" * 32, "cd" * 32
DIGEST = "sha256:" + "12" * 32
NOT_FOUND, UNAVAILABLE, UNIMPLEMENTED = 5, 14, 12
VERSION: Answer = (0, encode({2: "cri-o"}))


def texts(field: int, **entries: str) -> bytes:
    return b"".join(encode({field: encode({1: k, 2: v})}) for k, v in entries.items())


def container(
    told: Any = None, *, image: str = "quay.io/shop/web:1.2", ref: str = "", more: bytes = b""
) -> bytes:
    """A ``ContainerStatusResponse`` with the ``info`` that a runtime adds."""
    image_fields = encode({1: image})
    status = encode({1: ID, 2: encode({1: "web"}), 8: image_fields, 9: ref}) + more
    told = {"sandboxID": POD} if told is None else told
    return encode({1: status}) + texts(2, info=json.dumps(told))


def pod(*, network: int = 0, told: Any = None) -> bytes:
    """A ``PodSandboxStatusResponse``."""
    about = encode({1: "web-1", 2: "uid-1", 3: "shop"})
    linux = encode({1: encode({2: encode({1: network, 2: 1})})})
    status = encode({1: POD, 2: about, 5: encode({1: "10.244.0.7"}), 6: linux})
    status += texts(7, tier="front", long="y" * 101)
    return encode({1: status}) + texts(2, info=json.dumps(told or {}))


def told_of(**options: Any) -> Any:
    return info_of(Message(container(**options)), Message(pod()), "cri-o")


def test_what_a_runtime_says_of_a_container(tmp_path: Path) -> None:
    path = tmp_path / "crio.sock"
    mount = encode({14: encode({1: "/host/proc", 2: "/proc", 3: 1, 5: 2})})
    told = {"sandboxID": POD, "privileged": True}
    answers = {
        "ContainerStatus": (0, container(told, ref=f"quay.io/shop/web@{DIGEST}", more=mount)),
        "PodSandboxStatus": (0, pod(network=2)),
        "Version": VERSION,
    }
    with served(path, answers) as called:
        runtime = Cri(path)
        found = runtime.inspect(ID)
        assert runtime.inspect(ID) == found
    assert called.count("Version") == 1
    assert found is not None
    assert (found.name, found.type, found.privileged) == ("web", "cri-o", True)
    assert (found.repository, found.tag, found.digest) == ("quay.io/shop/web", "1.2", DIGEST)
    assert found.mounts == (Mount("/proc", "/host/proc", "", False, "rshared"),)
    assert (found.sandbox_id, found.ip) == (POD, "10.244.0.7")
    assert (found.host_network, found.host_pid, found.host_ipc) == (True, False, False)
    assert found.pod_labels == {"tier": "front"}
    assert found.labels == {
        "io.kubernetes.pod.name": "web-1",
        "io.kubernetes.pod.uid": "uid-1",
        "io.kubernetes.pod.namespace": "shop",
    }


def test_the_labels_of_the_container_come_before_what_its_pod_says() -> None:
    more = encode({12: encode({1: "io.kubernetes.pod.name", 2: "other"})})
    assert told_of(more=more).labels["io.kubernetes.pod.name"] == "other"


@pytest.mark.parametrize(
    ("image", "ref", "told", "name"),
    [
        ("quay.io/a/b:1", DIGEST, {}, "quay.io/a/b:1"),
        (DIGEST, f"quay.io/a/b@{DIGEST}", {}, "quay.io/a/b"),
        (DIGEST, DIGEST, {"config": {"image": {"user_specified_image": "b:1"}}}, "b:1"),
        (DIGEST, DIGEST, {"config": {"image": "?"}}, None),
        ("", "", [], None),
    ],
)
def test_an_image_without_a_name_is_called_by_what_names_it(
    image: str, ref: str, told: Any, name: str | None
) -> None:
    assert told_of(told=told, image=image, ref=ref).image == name


@pytest.mark.parametrize(
    ("image", "ref", "image_id"),
    [("a/b:1", DIGEST, "12" * 6), ("a/b:1", f"a/b@{DIGEST}", None), (DIGEST, "a/b@x", "12" * 6)],
)
def test_the_id_of_an_image(image: str, ref: str, image_id: str | None) -> None:
    assert told_of(image=image, ref=ref).image_id == image_id


@pytest.mark.parametrize(
    ("told", "privileged"),
    [
        ({"privileged": False}, False),
        ({"config": {"linux": {"security_context": {"privileged": True}}}}, True),
        ({"config": {"linux": {}}}, False),
        ({}, None),
        ("?", None),
    ],
)
def test_each_runtime_has_its_own_place_for_privileged(told: Any, privileged: Any) -> None:
    assert told_of(told=told).privileged is privileged


def test_without_its_pod_a_container_is_told_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with served(path, {"ContainerStatus": (0, container()), "Version": VERSION}):
        found = Cri(path).inspect(ID)
    assert found is not None
    assert (found.name, found.labels, found.host_network) == ("web", {}, None)


def test_the_container_of_a_sandbox_is_named_as_its_pod() -> None:
    found = sandbox_of(Message(pod(told={"image": "pause:3.9"})), "containerd")
    assert (found.name, found.sandbox_id, found.repository) == ("web-1", POD, "pause")
    assert found.labels["io.kubernetes.pod.namespace"] == "shop"
    assert found.labels["tier"] == "front"


@pytest.mark.parametrize("status", [NOT_FOUND, UNIMPLEMENTED])
def test_what_is_not_known_or_not_served_is_none(tmp_path: Path, status: int) -> None:
    path = tmp_path / "c.sock"
    with served(path, {"ContainerStatus": (status, b""), "PodSandboxStatus": (status, b"")}):
        assert Cri(path).inspect(ID) is None


def test_a_runtime_that_cannot_answer_now_is_asked_again_later(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with (
        served(path, {"ContainerStatus": (UNAVAILABLE, b"")}),
        pytest.raises(OSError, match="status 14"),
    ):
        Cri(path).inspect(ID)


def test_an_answer_that_is_no_message_is_an_error_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with (
        served(path, {"ContainerStatus": (0, b"\x0a\x05")}),
        pytest.raises(OSError, match="cut short"),
    ):
        Cri(path).inspect(ID)


def test_without_a_socket_nothing_is_asked_and_nothing_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from sidekick.sensor.sensor import Cri; "
        "print(Cri(Path(sys.argv[1])).inspect('ab' * 32), 'h2' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "none.sock")]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "None False\n"
