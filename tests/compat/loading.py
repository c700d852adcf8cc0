"""falcosidekick's configuration as settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sidekick.settings import Settings, load

WEBHOOK = "webhook:\n  address: http://127.0.0.1:9/\n"


def loaded(tmp_path: Path, text: str, **environ: str) -> Settings:
    """The settings of that file and these variables."""
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return load(file, environ)


def sink(tmp_path: Path, text: str, name: str, **environ: str) -> dict[str, Any]:
    """The settings of one sink that are not its type's defaults, secrets readable."""
    found = loaded(tmp_path, text, **environ).sinks[name]
    return {
        key: value.get_secret_value() if hasattr(value, "get_secret_value") else value
        for key, value in found.model_dump(exclude_unset=True).items()
    }
