"""Reads Falco's configuration for ``sidekick migrate``, with the files that it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sidekick.compat import falco
from sidekick.compat.falco.fragments import KEY, fragments, merge
from sidekick.compat.migration import Migration, migrate
from sidekick.errors import ConfigError
from sidekick.settings.load import read_tree

_SUFFIXES = (".yaml", ".yml")


def migration(file: Path | None, value: dict[str, Any], with_files: bool) -> Migration:
    """Falco's configuration as ours; raises ``ConfigError``."""
    assert file is not None
    merged, missing = _with_fragments(file, value)
    made = falco.translate(merged)
    warnings = (*missing, *made.warnings)
    return migrate(replace(made, warnings=warnings), f"Falco's {file.name}", with_files)


def _with_fragments(file: Path, value: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """All that the configuration holds, and a sentence for each path at which nothing is."""
    merged, missing = {key: item for key, item in value.items() if key != KEY}, []
    try:
        named = fragments(value)
    except ValueError as error:
        raise ConfigError([f"{file}: {error}"]) from None
    for fragment in named:
        path = Path(fragment.path)
        if not path.exists():
            missing.append(f"{KEY}: {path} is not here; what it sets is not taken over")
        for one in _files(path):
            found = read_tree(one).value
            if isinstance(found, dict):
                merged = merge(merged, found, fragment.strategy)
    return merged, missing


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES and one.is_file())
    return [path] if path.exists() else []
