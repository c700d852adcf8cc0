"""What no section can know by itself: whether the parts of a configuration fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sidekick.errors import ConfigError
from sidekick.listener.tls import Certificates, TlsConfig
from sidekick.pipeline.process import PipelineConfig, Process
from sidekick.rules.compile import compile_condition
from sidekick.settings.faults import Faults
from sidekick.settings.model import Settings
from sidekick.settings.tree import Path


def cross_check(settings: Settings, faults: Faults) -> None:
    """Add the faults between sections to ``faults``, those of every condition among them."""
    _check_ports(settings, faults)
    _check_circles(settings, faults)
    # A sink or a window with a fault of its own is there all the same for a route that names it.
    known = settings.model_copy(update={"windows": _windows(settings, faults.value)})
    try:
        make_process(known, _lanes(settings, faults.value))
    except ConfigError as error:
        for fault in error.faults:
            place, _, reason = fault.partition(": ")
            faults.add(_path(place, faults.value), reason)


def make_process(settings: Settings, lanes: Sequence[str] | None = None) -> Process:
    """The pipeline of these settings; raises ``ConfigError`` with every fault."""
    parts = {name: getattr(settings, name) for name in PipelineConfig.model_fields}
    names = tuple(settings.sinks) if lanes is None else tuple(lanes)
    return Process(PipelineConfig.model_construct(**parts), names, compile_condition)


def certificate_faults(settings: Settings) -> list[str]:
    """What is wrong with the certificates of the listeners; reads their files."""
    listeners: dict[str, object] = {"listen": settings.listen}
    listeners |= {"admin": settings.admin} if settings.admin.enabled else {}
    listeners |= {f"sources.{name}": source for name, source in settings.sources.items()}
    faults: list[str] = []
    for name, listener in listeners.items():
        tls = getattr(listener, "tls", None)
        if isinstance(tls, TlsConfig):
            try:
                Certificates(tls)
            except ConfigError as error:
                faults += [f"{name}.{fault}" for fault in error.faults]
    return faults


def _lanes(settings: Settings, value: Any) -> Sequence[str]:
    sinks = value.get("sinks")
    return list(sinks) if isinstance(sinks, dict) else list(settings.sinks)


def _windows(settings: Settings, value: Any) -> Mapping[str, Any]:
    windows = value.get("windows")
    named = windows if isinstance(windows, dict) else {}
    return {name: settings.windows.get(name, []) for name in named}


def _check_ports(settings: Settings, faults: Faults) -> None:
    listen, admin = settings.listen, settings.admin
    if admin.enabled and listen.port and listen.port == admin.port:
        faults.add(
            ("admin", "port"),
            f"wanted another port than listen.port, found {admin.port} for both",
        )


def _check_circles(settings: Settings, faults: Faults) -> None:
    """A topic that is read and written: each alert would come back as a new one, for ever."""
    for name, sink in settings.sinks.items():
        for other, source in settings.sources.items():
            brokers = {*getattr(sink, "brokers", ())} & {*getattr(source, "brokers", ())}
            if brokers and getattr(sink, "topic", None) in getattr(source, "topics", ()):
                reason = f"sources.{other} reads the same topic: alerts would go round in circles"
                faults.add(("sinks", name, "topic"), reason)


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
