"""What no section can know by itself: whether the parts of a configuration fit together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sidekick.errors import ConfigError
from sidekick.pipeline.process import PipelineConfig, Process
from sidekick.rules.compile import compile_condition
from sidekick.settings.faults import Faults
from sidekick.settings.model import Settings
from sidekick.settings.tree import Path


def cross_check(settings: Settings, faults: Faults) -> None:
    """Add the faults between sections to ``faults``, those of every condition among them."""
    _check_ports(settings, faults)
    try:
        make_process(settings, _lanes(settings, faults.value))
    except ConfigError as error:
        for fault in error.faults:
            place, _, reason = fault.partition(": ")
            faults.add(_path(place, faults.value), reason)


def make_process(settings: Settings, lanes: Sequence[str] | None = None) -> Process:
    """The pipeline of these settings; raises ``ConfigError`` with every fault."""
    parts = {name: getattr(settings, name) for name in PipelineConfig.model_fields}
    names = tuple(settings.sinks) if lanes is None else tuple(lanes)
    return Process(PipelineConfig.model_construct(**parts), names, compile_condition)


def _lanes(settings: Settings, value: Any) -> Sequence[str]:
    """The sinks that a route may name: those with faults of their own, too."""
    sinks = value.get("sinks")
    return list(sinks) if isinstance(sinks, dict) else list(settings.sinks)


def _check_ports(settings: Settings, faults: Faults) -> None:
    listen, admin = settings.listen, settings.admin
    if admin.enabled and listen.port and listen.port == admin.port:
        faults.add(
            ("admin", "port"),
            f"wanted another port than listen.port, found {admin.port} for both",
        )


def _path(dotted: str, value: Any) -> Path:
    """The path that a dotted place means; keys of the file may have dots themselves."""
    path: list[str | int] = []
    rest = dotted
    while rest:
        step, rest = _step(rest, value)
        path.append(step)
        value = _child(value, step)
    return tuple(path)


def _step(rest: str, value: Any) -> tuple[str | int, str]:
    if isinstance(value, dict):
        for key in sorted(map(str, value), key=len, reverse=True):
            if rest == key or rest.startswith(f"{key}."):
                return key, rest[len(key) + 1 :]
    head, _, tail = rest.partition(".")
    return (int(head) if head.isdigit() and isinstance(value, list) else head), tail


def _child(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None
