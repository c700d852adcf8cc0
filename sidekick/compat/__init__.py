"""falcosidekick's YAML keys and environment variables as sidekick's own configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sidekick.compat.strangers import sections, unread, variables
from sidekick.compat.translate import translate
from sidekick.compat.translation import Translation

__all__ = ["Translation", "recognise", "switched_on", "translate", "unread"]


def recognise(value: Mapping[str, Any], own: Collection[str] = ()) -> bool:
    """Whether these are falcosidekick's keys: at least one is, and none is one of our ``own``."""
    names = {str(key).lower() for key in value}
    return not names.isdisjoint(sections()) and names.isdisjoint(own)


def switched_on(environ: Mapping[str, str]) -> bool:
    """Whether the environment alone is a configuration of falcosidekick's."""
    return any(environ.get(name) for name in variables())
