"""A group whose commands are the modules of a package, imported when they are needed."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click


class Commands(click.Group):
    """Finds its commands by name in ``package``; nothing lists them."""

    def __init__(self, *arguments: Any, package: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._package = package

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        path = importlib.import_module(self._package).__path__
        return sorted(m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_"))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name, None for none."""
        if name not in self.list_commands(context):
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{name}").command
        return command
