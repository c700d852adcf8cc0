"""``sidekick acts``: harmless behaviour to try rules with; a command a module of this package."""

from __future__ import annotations

from sidekick.cli._group import Commands

command = Commands(
    "acts",
    package="sidekick.cli.acts",
    help="Harmless behaviour that rules are there for: see that yours sees it.",
)
