"""falcosidekick's YAML keys and environment variables as sidekick's own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


@dataclass
class Translation:
    """``value`` in sidekick's keys; ``places`` says where each path stood, ``variables`` which
    paths came from which environment variable."""

    value: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Path] = field(default_factory=dict)
    variables: dict[Path, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether these are falcosidekick's keys."""
    return False


def translate(value: Mapping[str, Any], environ: Mapping[str, str]) -> Translation:
    """The same configuration for sidekick."""
    return Translation()
