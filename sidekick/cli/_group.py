"""A group whose commands are the modules of a package, imported when they are needed."""

from __future__ import annotations

import difflib
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

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; what it does not know is told with the command that is most like it."""
        name = arguments[0]
        known = self.list_commands(context)
        if name not in known and not name.startswith("-"):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            context.fail(f'there is no command "{name}"{hint}')
        return super().resolve_command(context, arguments)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name, None for none."""
        if name not in self.list_commands(context):
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{name}").command
        return command
