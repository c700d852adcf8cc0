"""``sidekick rules``: check, try and test rules; a command a module of this package."""

from __future__ import annotations

from sidekick.cli._group import Commands

command = Commands(
    "rules", package="sidekick.cli.rules", help="Falco rules: check, list, try and test them."
)
