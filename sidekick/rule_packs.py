"""Finds the rule packs that are shipped, in a checkout and where sidekick is installed."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_PLACES = (_HERE / "packs", _HERE.parent / "config" / "rules")
"""Where the wheel puts them, and where they are in the repository."""


def pack_files() -> tuple[Path, ...]:
    """The files of the packs in the order in which they are loaded: by name.

    Raises FileNotFoundError if there are none: the installation is broken then.
    """
    for place in _PLACES:
        if found := tuple(sorted(place.glob("*.yaml"))):
            return found
    wanted = " or ".join(map(str, _PLACES))
    raise FileNotFoundError(f"no rule packs in {wanted}; install sidekick again")
