"""What another program's keys became: our settings, each with where it came from and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sidekick.compat.key import Path


class Setting(msgspec.Struct, frozen=True):
    """One of our settings.

    ``key`` is that program's, "" for what we set of ourselves; ``variable`` or ``place`` says
    where its value stood. ``whole``: the value is the variable's text and nothing else; ``raw``: it
    is written as it is, for references in it mean the same here. ``why`` is what differs from
    there, or the reason for what we set.
    """

    path: Path
    value: Any
    key: str = ""
    variable: str = ""
    place: Path = ()
    whole: bool = False
    secret: bool = False
    why: str = ""
    raw: bool = False


class Translation(msgspec.Struct, frozen=True):
    """``settings`` in the order of their writing; ``needless`` are keys that were set and have no
    counterpart because they need none, each with the reason."""

    settings: Mapping[Path, Setting]
    warnings: tuple[str, ...]
    needless: Mapping[str, str]

    @property
    def value(self) -> dict[str, Any]:
        """The configuration in our keys."""
        whole: dict[str, Any] = {}
        for setting in self.settings.values():
            part: Any = whole
            for step in setting.path[:-1]:
                # What ought to be a section and is none is a fault; nothing stands below it.
                part = part.setdefault(str(step), {}) if isinstance(part, dict) else None
            if not isinstance(part, dict):
                continue
            last = str(setting.path[-1])
            # An empty mapping only says that its section is there.
            part[last] = part.get(last, {}) if setting.value == {} else setting.value
        return whole

    @property
    def places(self) -> dict[Path, Path]:
        """Where the value at each of our paths stood: in falcosidekick's file, or the variable."""
        places = {path: one.place or (one.variable,) for path, one in self.settings.items()}
        return {path: place for path, place in places.items() if any(place)}

    @property
    def variables(self) -> dict[Path, str]:
        """Which environment variable the value at each of our paths came from."""
        return {path: one.variable for path, one in self.settings.items() if one.variable}


class Draft(msgspec.Struct):
    """A translation in the making."""

    settings: dict[Path, Setting] = {}
    warnings: list[str] = []
    needless: dict[str, str] = {}

    def set(self, setting: Setting) -> None:
        """Take a setting over; a later one for the same path counts."""
        self.settings[setting.path] = setting

    def warn(self, sentence: str) -> None:
        """Tell the user of something that does not work as it is written."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def sinks(self) -> list[str]:
        """The names of the sinks so far."""
        names = (str(path[1]) for path in self.settings if path[0] == "sinks")
        return list(dict.fromkeys(names))
