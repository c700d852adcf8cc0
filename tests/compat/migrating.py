"""falcosidekick's keys in a file or in variables, and what becomes of them when migrated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from sidekick import compat
from sidekick.compat.key import variable
from sidekick.compat.migration import SECRETS, Migration, migrate
from sidekick.errors import ConfigError
from sidekick.settings import Settings, load


class Unusable(Exception):
    """A configuration that is refused, as half of what belongs together."""


def as_file(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys as falcosidekick's file has them; one beneath what is no mapping is left out."""
    whole: dict[str, Any] = {}
    for key, value in keys.items():
        part: Any = whole
        *sections, last = key.split(".")
        for section in sections:
            part = part.setdefault(section, {}) if isinstance(part, dict) else None
        if isinstance(part, dict):
            part[last] = value
    return whole


def as_variables(keys: Mapping[str, str]) -> dict[str, str]:
    """The same keys as variables."""
    return {variable(key): text for key, text in keys.items()}


def loaded_again(migration: Migration, environ: Mapping[str, str]) -> Settings:
    """The settings of the new configuration, with its secrets where they belong."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / SECRETS).mkdir()
        for file, text in migration.secrets.items():
            (folder / SECRETS / file).write_text(text)
        (folder / "sidekick.yaml").write_text(migration.text)
        return load(folder / "sidekick.yaml", environ)


def loaded(value: Any, environ: Mapping[str, str]) -> Settings:
    """The settings of falcosidekick's configuration as it is."""
    with TemporaryDirectory() as name:
        file = Path(name) / "config.yaml"
        file.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False))
        return load(file, environ).with_warnings(())


def check_same(value: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Both ways of writing give what falcosidekick's configuration gives."""
    try:
        wanted = loaded(value, environ)
    except ConfigError:
        raise Unusable from None
    files = migrate(compat.translate(value, environ), "x", with_files=True)
    found = loaded_again(files, environ)
    assert found == wanted
    assert found.warnings == ()
    printed = migrate(compat.translate(value, environ), "x", with_files=False)
    secrets = [text.removesuffix("\n") for text in files.secrets.values()]
    set_by_hand = dict(zip(printed.variables, secrets, strict=True))
    assert loaded_again(printed, {**environ, **set_by_hand}) == wanted
