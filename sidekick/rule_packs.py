"""Finds the rule packs that are shipped, in a checkout and where sidekick is installed."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_PLACES = (_HERE / "packs", _HERE.parent / "config" / "rules")
"""Where the wheel puts them, and where they are in the repository."""

SHIPPED = "@packs"
"""Stands for the packs in a list of rule files; "@packs/core.yaml" for one of their files."""


def pack_files() -> tuple[Path, ...]:
    """The files of the packs in the order in which they are loaded: by name.

    Raises FileNotFoundError if there are none: the installation is broken then.
    """
    return tuple(sorted(_folder().glob("*.yaml")))


def shipped(path: Path) -> tuple[Path, ...] | None:
    """The files that "@packs" or "@packs/NAME" stand for; None for any other path.

    The file of a name need not exist. Raises FileNotFoundError as ``pack_files`` does.
    """
    if path.parts[:1] != (SHIPPED,):
        return None
    return (_folder().joinpath(*path.parts[1:]),) if path.parts[1:] else pack_files()


def _folder() -> Path:
    for place in _PLACES:
        if list(place.glob("*.yaml")):  # not any(): half a glob leaves a folder open
            return place
    wanted = " or ".join(map(str, _PLACES))
    raise FileNotFoundError(f"no rule packs in {wanted}; install sidekick again")
