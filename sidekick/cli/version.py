"""``sidekick version``."""

from __future__ import annotations

import platform
import sqlite3

import click

from sidekick import __version__
from sidekick.cli._options import json_option


@click.command("version")
@json_option
def command(as_json: bool) -> None:
    """Say which sidekick this is, and what it runs on."""
    from sidekick.cli._text import print_json

    versions = {
        "sidekick": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
    }
    if as_json:
        print_json(versions)
    else:
        for name, version in versions.items():
            click.echo(f"{name:<9} {version}")
