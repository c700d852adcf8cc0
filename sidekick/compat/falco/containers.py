"""Where Falco asks about containers: ``container_engines``, and the plugin that came after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidekick.compat.falco.file import FalcoFile, listed, truth
from sidekick.compat.translation import Draft, Setting

_SETTINGS = {
    "docker": {"docker": ["/run/docker.sock"], "podman": ["/run/podman/podman.sock"]},
    "cri": {
        "cri": ["/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock"],
        "containerd": ["/run/containerd/containerd.sock"],
    },
}
"""Our settings, and the engines of Falco's that each stands for, with the sockets asked if none
is named."""
_OTHERS = ("lxc", "libvirt_lxc", "bpm", "static")


def translate(file: FalcoFile, draft: Draft) -> None:
    """``container_engines``, of Falco before 0.41."""
    engines = file.take("container_engines")
    if isinstance(engines, Mapping):
        of_engines(engines, "container_engines", draft)


def of_engines(engines: Mapping[str, Any], key: str, draft: Draft) -> None:
    """The sockets of those engines that are on, unless all is as it is by default."""
    for setting, kinds in _SETTINGS.items():
        if not any(_says(engines.get(kind)) for kind in kinds):
            continue
        sockets: list[Any] = []
        for kind, usual in kinds.items():
            sockets += _sockets(engines.get(kind), usual)
        path = ("sensor", "containers", setting)
        draft.set(Setting(path, sockets, f"{key}.{'/'.join(kinds)}", raw=True))
    if any(not _on(engines.get(kind)) for kind in _OTHERS):
        draft.needless[key] = f"containers of {', '.join(_OTHERS[:3])} are told by their cgroups"


def _says(engine: Any) -> bool:
    return not _on(engine) or bool(isinstance(engine, Mapping) and engine.get("sockets"))


def _sockets(engine: Any, usual: list[str]) -> list[Any]:
    if not _on(engine):
        return []
    return (listed(engine.get("sockets")) if isinstance(engine, Mapping) else []) or usual


def _on(engine: Any) -> bool:
    return not isinstance(engine, Mapping) or truth(engine.get("enabled"), True)
