"""Falco's fields: those of system calls, of containers and Kubernetes, and of audit events.

From the field lists that Falco documents (``falco --list``), the container, k8saudit and json
plugins. A field that no source fills is NULL; it loads all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from sidekick.rules import falco_names as names
from sidekick.rules.event_types import EVENT_TYPES
from sidekick.rules.fields import Argument, FieldKind, FieldRegistry, FieldType, Shape

_BY_TYPE = {
    FieldType.STRING: names.STRINGS,
    FieldType.BOOL: names.BOOLS,
    FieldType.INT16: names.INT16S,
    FieldType.INT32: names.INT32S,
    FieldType.INT64: names.INT64S,
    FieldType.UINT32: names.UINT32S,
    FieldType.UINT64: names.UINT64S,
    FieldType.DOUBLE: names.DOUBLES,
    FieldType.RELTIME: names.RELTIMES,
    FieldType.ABSTIME: names.ABSTIMES,
    FieldType.ADDRESS: names.ADDRESSES,
    FieldType.PORT: names.PORTS,
}


def _kinds() -> Iterator[tuple[str, FieldKind]]:
    for type_, table in _BY_TYPE.items():
        yield from ((name, FieldKind(type_)) for name in table.split())
    for name in ("evt.type", "syscall.type"):
        yield name, FieldKind(FieldType.STRING, constants=EVENT_TYPES)
    for name in names.NETWORKS.split():
        yield name, FieldKind(FieldType.NETWORK, right=False)
    keyed = FieldKind(FieldType.STRING, argument=Argument.KEY, required=True)
    yield from ((name, keyed) for name in names.KEYED_STRINGS.split())
    yield "proc.env", FieldKind(FieldType.STRING, argument=Argument.KEY)
    yield "proc.args", FieldKind(FieldType.STRING, argument=Argument.INDEX)
    yield "evt.buffer", FieldKind(FieldType.BYTES)
    yield from _several()
    yield from _audit_kinds()


def _several() -> Iterator[tuple[str, FieldKind]]:
    """Fields that have several values at a time."""
    for name in names.ANCESTORS.split():
        yield name, _ancestors(FieldType.STRING, Argument.INDEX)
    yield "proc.apid", _ancestors(FieldType.INT64, Argument.INDEX)
    yield "proc.aenv", _ancestors(FieldType.STRING, Argument.KEY)
    # Falco hands ``in`` for fd.ip a length of 0, which matches nothing, and compares fd.net with
    # the first constant only; rules in use count on what these match today.
    yield "fd.ip", _either(FieldType.ADDRESS, "none")
    yield "fd.net", _either(FieldType.NETWORK, "first")
    yield "fd.port", _either(FieldType.PORT, "all")
    yield "fd.proto", _either(FieldType.PORT, "all")
    for name in names.DOMAIN_NAMES.split():
        yield name, replace(_either(FieldType.STRING, "all"), operators=_OF_DOMAIN_NAMES)
    yield (
        "fd.types",
        FieldKind(FieldType.STRING, Shape.LIST, Argument.INDEX, right=False),
    )
    # What is around a time is asked of a recording; of what happens now it is NULL.
    yield (
        "evt.around",
        FieldKind(
            FieldType.UINT64, argument=Argument.INDEX, required=True, right=False, transforms=False
        ),
    )


_OF_DOMAIN_NAMES = frozenset({"=", "==", "!=", "in", "exists"})


def _ancestors(type_: FieldType, argument: Argument) -> FieldKind:
    return FieldKind(
        type_, Shape.ANCESTORS, argument, with_argument=Shape.ONE, right=False, transforms=False
    )


def _either(type_: FieldType, in_matches: str) -> FieldKind:
    return FieldKind(type_, Shape.EITHER, right=False, transforms=False, in_matches=in_matches)


def _audit_kinds() -> Iterator[tuple[str, FieldKind]]:
    kind = FieldKind(FieldType.STRING, Shape.LIST, Argument.INDEX)
    yield from ((name, kind) for name in names.STRING_LISTS.split())
    for group in names.POD_CONTAINERS.split():
        for part in names.POD_CONTAINER_PARTS.split():
            yield f"ka.req.pod.{group}.{part}", kind


FALCO_FIELDS = FieldRegistry(
    kinds=dict(_kinds()),
    prefixes={
        "evt.arg.": FieldKind(FieldType.STRING),
        # The type of a raw argument is that of the event's own parameter.
        "evt.rawarg.": FieldKind(FieldType.DYNAMIC, right=False, transforms=False),
        "evt.type.is.": FieldKind(FieldType.UINT32),
        "thread.cgroup.": FieldKind(FieldType.STRING),
    },
)
"""Every field that Falco 0.44 knows for system calls and Kubernetes audit events."""

_GENERIC = frozenset(names.OF_EVERY_SOURCE.split())
_AUDIT = ("ka.", "jevt.", "json.")


def _chosen(names: Callable[[str], bool], prefixes: bool) -> FieldRegistry:
    kinds = {name: kind for name, kind in FALCO_FIELDS.kinds.items() if names(name)}
    return FieldRegistry(kinds, FALCO_FIELDS.prefixes if prefixes else {})


SOURCES: Mapping[str, FieldRegistry] = {
    "syscall": _chosen(lambda name: not name.startswith(_AUDIT), prefixes=True),
    "k8s_audit": _chosen(lambda name: name.startswith(_AUDIT) or name in _GENERIC, prefixes=False),
}
"""The fields that rules of each source may use."""
