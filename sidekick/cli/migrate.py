"""``sidekick migrate``: another program's configuration as our own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sidekick.compat.migration import Migration

Kind = tuple[Callable[[dict[str, Any]], bool], Callable[[Path | None, dict[str, Any], bool], Any]]


@click.command("migrate")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--from-env", is_flag=True, help="falcosidekick's environment variables alone.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write there, and secrets into the folder `secrets` beside it.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def command(file: Path | None, from_env: bool, output: Path | None, force: bool) -> int:
    """Write a configuration of falcosidekick or Falco as sidekick's own, with the reasons.

    FILE is falcosidekick's, whose environment variables go over it as they do there, or Falco's
    falco.yaml, with the files of its config_files. No secret is printed: without --output, the text
    refers to variables that are to be set.
    """
    if (file is None) != from_env:
        raise click.UsageError("wanted FILE or --from-env")
    migration = _migration(file, with_files=output is not None)
    if output is None:
        click.echo(migration.text, nl=False)
        for name in migration.variables:
            click.echo(f"set {name} for this configuration: it is a secret", err=True)
        return 0
    _write(migration, output, force)
    return 0


def _migration(file: Path | None, with_files: bool) -> Migration:
    from sidekick.errors import ConfigError
    from sidekick.settings.load import read_tree

    value = read_tree(file).value if file else {}
    for recognise, migrate in KINDS:
        if isinstance(value, dict) and recognise(value):
            made: Migration = migrate(file, value, with_files)
            return made
    place = str(file) if file else "the environment"
    raise ConfigError([f"{place}: wanted falcosidekick's configuration or Falco's, found neither"])


def _is_falcosidekicks(value: dict[str, Any]) -> bool:
    from sidekick import compat
    from sidekick.settings import Settings

    if value:
        return compat.recognise(value, Settings.model_fields)
    return compat.switched_on(os.environ)


def _from_falcosidekick(file: Path | None, value: dict[str, Any], with_files: bool) -> Migration:
    from sidekick import compat
    from sidekick.compat.migration import migrate
    from sidekick.settings import load

    load(file, os.environ)  # all its faults at once, each with its line
    origin = f"falcosidekick's {file.name}" if file else "falcosidekick's environment variables"
    return migrate(compat.translate(value, os.environ), origin, with_files)


def _is_falcos(value: dict[str, Any]) -> bool:
    from sidekick.compat import falco
    from sidekick.settings import Settings

    return falco.recognise(value, Settings.model_fields)


def _from_falco(file: Path | None, value: dict[str, Any], with_files: bool) -> Migration:
    from sidekick.cli._falco_yaml import migration

    return migration(file, value, with_files)


KINDS: tuple[Kind, ...] = (
    (_is_falcosidekicks, _from_falcosidekick),
    (_is_falcos, _from_falco),
)
"""What can be migrated: how its value is recognised, and who writes it anew."""


def _write(migration: Migration, output: Path, force: bool) -> None:
    from sidekick.compat.migration import SECRETS

    folder = output.parent / SECRETS
    files = {output: migration.text}
    files |= {folder / name: text for name, text in migration.secrets.items()}
    for path in files:
        if path.exists() and not force:
            raise click.ClickException(f"{path} is there already; --force replaces it")
    if migration.secrets:
        folder.mkdir(mode=0o700, exist_ok=True)
    for path, text in files.items():
        _write_private(path, text)
    told = f"wrote {output}"
    if migration.secrets:
        told += f", and its secrets into {folder}: only you may read them"
    click.echo(told, err=True)


def _write_private(path: Path, text: str) -> None:
    """A file that only its owner may read, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as stream:
        stream.write(text)
    new.replace(path)
