"""``container.*`` and ``k8s.*``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sidekick.sensor.cgroups import SHORT
from sidekick.sensor.containers import ContainerInfo, Mount
from sidekick.sensor.fields.extract import Event, Extract

_POD = "io.kubernetes.pod."


def _full_id(event: Event) -> str:
    return event.knowledge.containers.of(event.record.header.cgroup_id).id


def _id(event: Event) -> str:
    return _full_id(event)[:SHORT] or "host"


def _info(event: Event) -> ContainerInfo | None:
    full_id = _full_id(event)
    return event.knowledge.containers.info(full_id) if full_id else None


def _part(name: str, on_host: str | None = None) -> Extract:
    def extract(event: Event) -> Any:
        if event["container.id"] == "host":
            return on_host
        info = _info(event)
        return None if info is None else getattr(info, name)

    return extract


def _type(event: Event) -> str:
    found = event.knowledge.containers.of(event.record.header.cgroup_id)
    info = _info(event)
    return (info and info.type) or found.engine


def _text(labels: Mapping[str, str]) -> str | None:
    return ", ".join(f"{key}:{value}" for key, value in labels.items()) or None


def _labels(name: str) -> Extract:
    def extract(event: Event) -> str | None:
        info = _info(event)
        return None if info is None else _text(getattr(info, name))

    return extract


def _label(name: str) -> Callable[[str], Extract]:
    def make(key: str) -> Extract:
        def extract(event: Event) -> str | None:
            info = _info(event)
            return None if info is None else getattr(info, name).get(key)

        return extract

    return make


def _pod(key: str) -> Extract:
    return _label("labels")(_POD + key)


def _mounts(event: Event) -> str | None:
    info = _info(event)
    return None if info is None or not info.mounts else ",".join(map(str, info.mounts))


def _mount(by: str, of: Callable[[Mount], str]) -> Callable[[str], Extract]:
    """A mount by its number, or the first with ``argument`` somewhere in its ``by``.

    The argument is a regular expression that is searched for, as in Falco: ``/proc*`` stands for
    ``/pro``, ``/proc``, ``/procc``.
    """

    def make(argument: str) -> Extract:
        number = int(argument) if argument.isdigit() else None
        try:
            pattern = re.compile(argument)
        except re.error:
            pattern = re.compile(re.escape(argument))

        def extract(event: Event) -> str | None:
            info = _info(event)
            mounts = (info and info.mounts) or ()
            if number is not None:
                return of(mounts[number]) if number < len(mounts) else None
            return next((of(m) for m in mounts if pattern.search(getattr(m, by))), None)

        return extract

    return make


def _start(event: Event) -> int | None:
    start = event.process.pidns_start_ns
    return start + event.knowledge.boot_ns if start and _full_id(event) else None


def _duration(event: Event) -> int | None:
    start = event.process.pidns_start_ns
    return event.record.header.time_ns - start if start and _full_id(event) else None


def _sandbox(event: Event) -> str | None:
    full_id = event["k8s.pod.full_sandbox_id"]
    return full_id[:SHORT] if full_id else None


PLAIN: dict[str, Extract] = {
    "container.id": _id,
    "container.full_id": lambda event: _full_id(event) or "host",
    "container.name": _part("name", "host"),
    "container.type": _type,
    "container.image": _part("image"),
    "container.image.id": _part("image_id"),
    "container.image.repository": _part("repository"),
    "container.image.tag": _part("tag"),
    "container.image.digest": _part("digest"),
    "container.privileged": _part("privileged"),
    "container.host_pid": _part("host_pid"),
    "container.host_network": _part("host_network"),
    "container.host_ipc": _part("host_ipc"),
    "container.ip": _part("ip"),
    "container.mounts": _mounts,
    "container.labels": _labels("labels"),
    "container.start_ts": _start,
    "container.duration": _duration,
    "k8s.pod.name": _pod("name"),
    "k8s.pod.uid": _pod("uid"),
    "k8s.pod.id": _pod("uid"),
    "k8s.ns.name": _pod("namespace"),
    "k8s.pod.labels": _labels("pod_labels"),
    "k8s.pod.full_sandbox_id": _part("sandbox_id"),
    "k8s.pod.sandbox_id": _sandbox,
}

KEYED: dict[str, Callable[[str], Extract]] = {
    "container.label": _label("labels"),
    "container.mount": _mount("source", str),
    "container.mount.source": _mount("destination", lambda mount: mount.source),
    "container.mount.dest": _mount("source", lambda mount: mount.destination),
    "container.mount.mode": _mount("source", lambda mount: mount.mode),
    "container.mount.rdwr": _mount("source", lambda mount: "true" if mount.writable else "false"),
    "container.mount.propagation": _mount("source", lambda mount: mount.propagation),
    "k8s.pod.label": _label("pod_labels"),
}
