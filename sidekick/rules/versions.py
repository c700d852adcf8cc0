"""Versions of the engine and of plugins, as rule files require them."""

from __future__ import annotations

import re

ENGINE_VERSION = "0.62.0"
"""Of the rule language and its fields: that of Falco 0.44."""

PLUGINS = {"container": "0.4.4", "k8saudit": "0.18.0", "json": "0.7.4"}
"""Whose fields and events we have ourselves, with the version that they are like."""

_VERSION = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})(?![0-9])")


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The three numbers that a text begins with, as in "1.2.3-rc1"; None for anything else."""
    match = _VERSION.match(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def compatible(have: str, wanted: str) -> bool:
    """Is a version the wanted one or a later one of the same major?"""
    mine, other = parse_version(have), parse_version(wanted)
    return mine is not None and other is not None and mine[0] == other[0] and mine >= other
