"""Falco's ``config_files``: further files, merged into the first one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidekick.compat.falco.file import listed

KEY = "config_files"
STRATEGIES = ("append", "override", "add-only")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A file, or a folder of them, and how its values go over those before."""

    path: str
    strategy: str = "append"


def fragments(value: Mapping[str, Any]) -> list[Fragment]:
    """Those that a configuration names; raises ``ValueError`` with what was wanted."""
    return [_fragment(entry) for entry in listed(value.get(KEY))]


def merge(value: Mapping[str, Any], more: Mapping[str, Any], strategy: str) -> dict[str, Any]:
    """Key by key, at the top alone, as Falco does: a list grows if the strategy is ``append``."""
    merged = dict(value)
    for key, item in more.items():
        before = merged.get(key)
        if before is None:
            merged[key] = item
        elif strategy == "append" and isinstance(before, list) and isinstance(item, list):
            merged[key] = before + item
        elif strategy != "add-only":
            merged[key] = item
    return merged


def _fragment(entry: Any) -> Fragment:
    if isinstance(entry, str):
        return Fragment(entry)
    if isinstance(entry, Mapping) and entry.get("path"):
        strategy = str(entry.get("strategy", "append"))
        if strategy in STRATEGIES:
            return Fragment(str(entry["path"]), strategy)
        raise ValueError(f"{KEY}: wanted one of {', '.join(STRATEGIES)}, found {strategy}")
    raise ValueError(f"{KEY}: wanted a path, or `path` and `strategy`, found {entry!r}")
