"""Fields that no path describes."""

from __future__ import annotations

from typing import Any

from sidekick.audit.extract import Event, Extract, Make, along, at, index_of, texts
from sidekick.audit.nodes import MISSING, child, elements, is_true, keys, opened, text
from sidekick.audit.query import parameter


def uri_parameter(argument: str | None) -> Extract:
    """A parameter of the request URI, by its name."""

    def extract(event: Event) -> str | None:
        uri = event.top("requestURI")
        return None if uri is MISSING else parameter(text(uri), argument or "")

    return extract


def pod_name(event: Event) -> str | None:
    """Of the pod that a request is for; the name that it got, if it asked for any."""
    if opened(at(event, "objectRef", "resource")) != "pods":
        return None
    name = at(event, "objectRef", "name")
    if name is MISSING:
        name = at(event, "responseObject", "metadata", "name")
    return None if name is MISSING else text(name)


def subjects(kind: str, *, namespaced: bool = False) -> Make:
    """The names of the subjects of a kind that a binding has, or "namespace:name"."""

    def extract(event: Event) -> list[str] | None:
        subjects = elements(at(event, "requestObject", "subjects"))
        if subjects is None:
            return None
        found: list[str] = []
        for subject in subjects:
            name, namespace = child(subject, "name"), child(subject, "namespace")
            if opened(child(subject, "kind")) != kind or name is MISSING:
                continue
            prefix = f"{text(namespace)}:" if namespaced and namespace is not MISSING else ""
            found.append(f"{prefix}{text(name)}")
        return found

    return lambda argument: extract


def privileged(event: Event) -> str | None:
    """Is any container privileged?"""
    path = ("requestObject", "spec", "containers", "securityContext", "privileged")
    found = along(event, path, None)
    return None if found is None else text(any(map(is_true, found)))


def host_ports(path: tuple[str, ...]) -> Make:
    """Ports on the host, else of the container: with the host's network they are the same."""

    def make(argument: str | None) -> Extract:
        index = index_of(argument)

        def extract(event: Event) -> list[str] | None:
            found = along(event, (*path, "ports"), index)
            if found is None:
                return None
            lists = [elements(node) for node in found if node is not MISSING]
            if None in lists:
                return None
            return [port for ports in lists for node in ports or () for port in _port(node)]

        return extract

    return make


def _port(node: Any) -> list[str]:
    for key in ("hostPort", "containerPort"):
        if (found := child(node, key)) is not MISSING:
            return [text(found)]
    return []


def volume_types(argument: str | None) -> Extract:
    """The keys of volumes beside their names: "hostPath", "secret", ..."""
    index = index_of(argument)

    def extract(event: Event) -> list[str] | None:
        volumes = at(event, "requestObject", "spec", "volumes")
        if volumes is MISSING:
            return None
        found = elements(volumes)
        if found is None:
            found = [volumes]
        elif index is not None:
            found = found[index : index + 1]
        return [key for volume in found for key in keys(volume) if key != "name"]

    return extract


def has_host_path(argument: str | None) -> Extract:
    """Whether a volume is of that host path, or below it for "/path*". Superseded: the plugin
    looks at the first volume only; ``ka.req.pod.volumes.hostpath`` has those of all."""
    wanted = argument or ""

    def extract(event: Event) -> str | None:
        found = along(event, ("requestObject", "spec", "volumes", "hostPath", "path"), 0)
        if found is None:
            return None
        paths = texts(found)
        prefix = wanted[:-1] if wanted.endswith("*") else None
        hit = wanted in paths or (
            prefix is not None and any(path.startswith(prefix) for path in paths)
        )
        return text(hit)

    return extract


def pointer(argument: str | None) -> Extract:
    """A JSON pointer (RFC 6901)."""
    parts = (argument or "").removeprefix("/").split("/")
    path = [part.replace("~1", "/").replace("~0", "~") for part in parts]

    def extract(event: Event) -> str | None:
        node = at(event, *path)
        return None if node is MISSING else text(node)

    return extract
