"""Docker's API, which podman speaks too: what it says of one container."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from sidekick.sensor.containers import ContainerInfo, Mount

_TIMEOUT_SECS = 5.0
_LARGEST = 4 * 1024 * 1024
_POD_SANDBOX = "io.kubernetes.sandbox.id"
LONGEST_LABEL = 100
"""Longer labels are left out, as in Falco."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_SECS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Docker:
    """A daemon behind a unix socket. One that is not there knows no container."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def inspect(self, container_id: str) -> ContainerInfo | None:
        """All about a container; raises OSError if the daemon does not answer."""
        if not self._path.exists():
            return None
        found = self._get(f"/containers/{container_id}/json")
        if found is None:
            return None
        image = self._get(f"/images/{found.get('Image', '')}/json") or {}
        return info_of(found, image)

    def _get(self, path: str) -> dict[str, Any] | None:
        connection = _Connection(self._path)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(_LARGEST)
            if answer.status != 200:
                return None
            found = json.loads(body)
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"{self._path}: {error}") from error
        finally:
            connection.close()
        return found if isinstance(found, dict) else None


def info_of(found: dict[str, Any], image: dict[str, Any]) -> ContainerInfo:
    """What the documents of ``/containers/ID/json`` and ``/images/ID/json`` say."""
    config, host = found.get("Config") or {}, found.get("HostConfig") or {}
    name = str(config.get("Image") or "")
    repository, tag, digest = image_parts(name)
    if not repository or repository.startswith("sha256"):
        repository, tag, _ = image_parts(_first(image.get("RepoTags")))
    digests = _first(image.get("RepoDigests"))
    labels = {
        str(key): str(value)
        for key, value in (config.get("Labels") or {}).items()
        if len(str(value)) <= LONGEST_LABEL
    }
    return ContainerInfo(
        name=str(found.get("Name") or "").lstrip("/") or None,
        image=name or None,
        image_id=str(found.get("Image") or "").removeprefix("sha256:")[:12] or None,
        repository=repository or None,
        tag=tag or None,
        digest=digest or digests.partition("@")[2] or None,
        type="docker",
        ip=(found.get("NetworkSettings") or {}).get("IPAddress") or None,
        privileged=bool(host.get("Privileged")),
        host_pid=host.get("PidMode") == "host",
        host_network=host.get("NetworkMode") == "host",
        host_ipc=host.get("IpcMode") == "host",
        mounts=tuple(_mount(mount) for mount in found.get("Mounts") or ()),
        labels=labels,
        sandbox_id=labels.get(_POD_SANDBOX),
    )


def image_parts(name: str) -> tuple[str, str, str]:
    """Repository, tag and digest of ``registry:5000/name:tag@sha256:...``."""
    name, _, digest = name.partition("@")
    above, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{above}{slash}{last}", tag, digest


def _first(values: Any) -> str:
    return str(values[0]) if isinstance(values, list) and values else ""


def _mount(found: dict[str, Any]) -> Mount:
    return Mount(
        str(found.get("Source") or ""),
        str(found.get("Destination") or ""),
        str(found.get("Mode") or ""),
        bool(found.get("RW")),
        str(found.get("Propagation") or ""),
    )
