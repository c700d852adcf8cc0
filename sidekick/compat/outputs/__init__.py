"""The outputs of falcosidekick's that are sinks here: one module each, with its ``OUTPUT``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from sidekick.compat.key import Output


@cache
def outputs() -> tuple[Output, ...]:
    """All of them, by name."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return tuple(importlib.import_module(f"{__name__}.{name}").OUTPUT for name in names)
