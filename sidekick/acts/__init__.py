"""Acts: harmless behaviour that rules are there for, to see that an installation sees it.

Nothing of the machine is changed: files are those of a folder of the act's own, which a mount
namespace shows in the place that a rule asks about; programs are ``true`` under another name;
connections stay in a network namespace that leads nowhere.
"""

from __future__ import annotations

import importlib
import pkgutil

from sidekick.acts.act import Act


def all_acts() -> dict[str, Act]:
    """All acts by name, in the order of their modules; a module that has ``ACTS`` adds its own."""
    found: dict[str, Act] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        for act in getattr(importlib.import_module(f"{__name__}.{module}"), "ACTS", ()):
            assert act.name not in found, f"two acts are named {act.name}"
            found[act.name] = act
    return found
