"""Kubernetes' container runtime interface (containerd, CRI-O): what it says of one container.

Numbers of fields are those of ``runtime.v1`` in k8s.io/cri-api, ``pkg/apis/runtime/v1/api.proto``.
What the interface has no field for is in ``info``, a document of each runtime's own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidekick.sensor.containers import ContainerInfo, Mount
from sidekick.sensor.docker import LONGEST_LABEL, image_parts
from sidekick.sensor.protobuf import Message, encode

log = logging.getLogger(__name__)

_TIMEOUT_SECS = 5.0
_SERVICE = "/runtime.v1.RuntimeService/"
_NODE = 2
"""``NamespaceMode``: the machine's."""
_PROPAGATION = ("private", "rslave", "rshared")
_POD = "io.kubernetes.pod."
_POD_SANDBOX = "sandboxID"


class Cri:
    """A runtime behind a unix socket. One that is not there knows no container."""

    def __init__(self, path: Path, timeout_secs: float = _TIMEOUT_SECS) -> None:
        self._path = path
        self._timeout_secs = timeout_secs
        self._name = ""
        self._spoken = True

    def inspect(self, container_id: str) -> ContainerInfo | None:
        """All about a container or a pod's sandbox; raises OSError if the runtime fails."""
        if not self._path.exists():
            return None
        try:
            return self._inspect(container_id)
        except ValueError as error:  # no protobuf
            raise OSError(f"{self._path}: {error}") from error

    def _inspect(self, container_id: str) -> ContainerInfo | None:
        found = self._ask("ContainerStatus", {1: container_id, 2: 1})
        if found is None:
            pod = self._ask("PodSandboxStatus", {1: container_id, 2: 1})
            return None if pod is None else sandbox_of(pod, self._runtime())
        sandbox_id = str(document(found).get(_POD_SANDBOX) or "")
        pod = self._ask("PodSandboxStatus", {1: sandbox_id}) if sandbox_id else None
        return info_of(found, pod or Message(), self._runtime())

    def _runtime(self) -> str:
        """What the runtime calls itself, once it has said so."""
        if not self._name:
            self._name = (self._ask("Version", {}) or Message()).text(2) or "cri"
        return self._name

    def _ask(self, method: str, request: dict[int, str | int | bytes]) -> Message | None:
        from sidekick.sensor.grpc import NOT_FOUND, UNIMPLEMENTED, CallFailed, call

        try:
            answer = call(self._path, _SERVICE + method, encode(request), self._timeout_secs)
        except CallFailed as failed:
            if failed.code == UNIMPLEMENTED and self._spoken:
                self._spoken = False
                about = {"socket": str(self._path)}
                log.info("the interface runtime.v1 of Kubernetes is not served here", extra=about)
            if failed.code in (NOT_FOUND, UNIMPLEMENTED):
                return None
            raise
        return Message(answer)


def info_of(found: Message, pod: Message, runtime: str) -> ContainerInfo:
    """What ``ContainerStatusResponse`` and the ``PodSandboxStatusResponse`` of its pod say."""
    status, told = found.inner(1), document(found)
    name, ref = status.inner(8).text(1), status.text(9)
    if name.startswith("sha256:") or not name:
        name = ref.partition("@")[0] if "@" in ref else _user_specified(status, told)
    repository, tag, digest = image_parts(name)
    image_id = status.text(17) or (status.inner(8).text(1) if "@" in ref else ref)
    of_pod = _of_pod(pod, told)
    return ContainerInfo(
        name=status.inner(2).text(1) or None,
        image=name or None,
        image_id=image_id.rpartition("sha256:")[2][:12] if "sha256:" in image_id else None,
        repository=repository or None,
        tag=tag or None,
        digest=digest or ref.partition("@")[2] or None,
        type=runtime,
        privileged=_privileged(told),
        mounts=tuple(map(_mount, status.each(14))),
        labels={**of_pod.pop("labels"), **_labels(status.texts(12))},
        **of_pod,
    )


def sandbox_of(pod: Message, runtime: str) -> ContainerInfo:
    """What ``PodSandboxStatusResponse`` says of the container that holds a pod's namespaces."""
    told = document(pod)
    status = pod.inner(1)
    of_pod = _of_pod(pod, told)
    of_pod["labels"] |= of_pod["pod_labels"]
    of_pod["sandbox_id"] = status.text(1) or None
    image = str(told.get("image") or "")
    repository, tag, digest = image_parts(image)
    return ContainerInfo(
        name=status.inner(2).text(1) or None,
        image=image or None,
        repository=repository or None,
        tag=tag or None,
        digest=digest or None,
        type=runtime,
        privileged=_privileged(told),
        **of_pod,
    )


def document(found: Message) -> dict[str, Any]:
    """The document that a runtime adds to a status; {} if there is none."""
    try:
        told = json.loads(found.texts(2).get("info") or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _of_pod(pod: Message, told: Mapping[str, Any]) -> dict[str, Any]:
    """What a container has of its pod; ``labels`` name the pod where the container's do not."""
    status = pod.inner(1)
    about, options = status.inner(2), status.inner(6).inner(1).inner(2)
    named = {"name": about.text(1), "uid": about.text(2), "namespace": about.text(3)}
    asked = bool(status.text(1))
    return {
        "labels": {f"{_POD}{key}": value for key, value in named.items() if value},
        "pod_labels": _labels(status.texts(7)),
        "sandbox_id": str(told.get(_POD_SANDBOX) or "") or None,
        "ip": status.inner(5).text(1) or None,
        "host_network": options.number(1) == _NODE if asked else None,
        "host_pid": options.number(2) == _NODE if asked else None,
        "host_ipc": options.number(3) == _NODE if asked else None,
    }


def _privileged(told: Mapping[str, Any]) -> bool | None:
    """containerd tells the request that it was made from, CRI-O the answer; None for neither."""
    if "privileged" in told:
        return bool(told["privileged"])
    config = told.get("config")
    if not isinstance(config, dict):
        return None
    return bool(_inside(config, "linux", "security_context", "privileged"))


def _user_specified(status: Message, told: Mapping[str, Any]) -> str:
    name = _inside(told, "config", "image", "user_specified_image")
    return status.inner(8).text(18) or (name if isinstance(name, str) else "")


def _inside(found: Any, *keys: str) -> Any:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _labels(found: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in found.items() if len(value) <= LONGEST_LABEL}


def _mount(found: Message) -> Mount:
    way = found.number(5)
    propagation = _PROPAGATION[way] if way < len(_PROPAGATION) else ""
    return Mount(found.text(2), found.text(1), "", not found.number(3), propagation)
