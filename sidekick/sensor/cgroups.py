"""Which container a process is in, from the path of its cgroup alone.

The layouts are those of Falco's container plugin: the text after the last prefix and before the
last suffix is an id if it has 64 hexadecimal digits. A nested container is the innermost one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

SHORT = 12
"""So many characters of an id are reported."""


class Cgroup(NamedTuple):
    """What a cgroup's path says: the container's full id ("" on the host) and its engine."""

    id: str = ""
    engine: str = "host"


HOST = Cgroup()

_LAYOUTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "podman",
        (
            ("/libpod-", ".scope"),
            ("/libpod-", ".scope/container"),
            ("/libpod-", ""),
            ("/libpod-payload-", ".scope"),
            ("/libpod-payload-", ".scope/container"),
            ("/libpod-payload-", ""),
        ),
    ),
    ("docker", (("/", ""), ("/docker-", ".scope"))),
    (
        "cri",
        (
            ("/crio-", ""),
            ("/cri-containerd-", ".scope"),
            ("/crio-", ".scope"),
            (":cri-containerd:", ""),
            ("/nerdctl-", ".scope"),
        ),
    ),
)
_POD = re.compile(r"/kubepods|/pod[0-9a-f]{8}-")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{64}")
_NAMESPACE = re.compile(r"/[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*/")
_UNITS = (".service", ".slice", ".scope")
_NAMED = (
    ("lxc", re.compile(r".*/lxc\.payload[./]([^/]+)")),
    ("libvirt-lxc", re.compile(r"(?:.*/)?([^/]+)\.libvirt-lxc$")),
    ("libvirt-lxc", re.compile(r".*-lxc\\x2d([^/]+?)(?:\.scope)?$")),
    ("libvirt-lxc", re.compile(r".*/libvirt/lxc/([^/]+)")),
    ("lxc", re.compile(r".*/lxc/([^/]+)")),
    ("bpm", re.compile(r".*bpm-([^/]+)\.scope")),
)


@lru_cache(maxsize=4096)
def container_of(path: str, *, containerd: bool = False) -> Cgroup:
    """The container of a cgroup's path.

    ``containerd``: a path ``/namespace/id`` of any name is a container too. Only a machine that
    runs containerd on its own (``ctr``) has those; elsewhere such a path is something else.
    """
    for engine, layouts in _LAYOUTS:
        for prefix, suffix in layouts:
            if found := _between(path, prefix, suffix):
                return Cgroup(found, "cri" if engine == "docker" and _POD.search(path) else engine)
    if containerd and (found := _below_namespace(path)):
        return Cgroup(found, "containerd")
    for engine, pattern in _NAMED:
        if matched := pattern.match(path):
            return Cgroup(matched[1], engine)
    return HOST


def _between(path: str, prefix: str, suffix: str) -> str:
    start = path.rfind(prefix)
    if start < 0:
        return ""
    start += len(prefix)
    end = path.rfind(suffix) if suffix else len(path)
    return path[start:end] if end >= 0 and _HEXADECIMAL.fullmatch(path, start, end) else ""


def _below_namespace(path: str) -> str:
    matched = _NAMESPACE.match(path)
    rest = path[matched.end() :] if matched else ""
    return rest if 0 < len(rest) <= 64 and "/" not in rest and not rest.endswith(_UNITS) else ""
