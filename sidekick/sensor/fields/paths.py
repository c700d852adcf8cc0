"""Paths that calls are given, from the root."""

from __future__ import annotations

from functools import cache

from sidekick.ebpf.calls import all_calls
from sidekick.sensor.fields.extract import Event
from sidekick.sensor.files import absolute
from sidekick.sensor.record import text_of


@cache
def directory_of_path(type_: str, name: str) -> str:
    """The parameter that says where a path begins: the ``dirfd`` before it; "" without one."""
    call = all_calls().get(type_)
    before = ""
    for argument in call.arguments if call else ():
        if argument.name == name:
            return before
        before = argument.name if argument.kind == "dirfd" else ""
    return ""


@cache
def path_names(type_: str) -> tuple[str, ...]:
    """The parameters of a call that are paths."""
    call = all_calls().get(type_)
    return tuple(a.name for a in call.arguments if a.kind == "path") if call else ()


def argument_path(event: Event, name: str, directory: str | None = None) -> str | None:
    """The path that a parameter names, from the root."""
    record = event.record
    given = record.argument(name)
    if not isinstance(given, bytes):
        return None
    if directory is None:
        directory = directory_of_path(record.type, name)
    start = (event.record.text(directory) if directory else None) or event.record.cwd
    return absolute(text_of(given), text_of(start) if start else event.process.cwd)
