"""What an act is: its name, what it does, and the rules that it is there for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sidekick.acts.scene import Scene

Perform = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that rules see.

    ``rules`` are those of the packs that speak, ``falco`` those of Falco's files that match too.
    ``container``: it means something only there. ``files`` are shown in their places while it is
    performed, by path; ``network``: it has one of its own.
    """

    name: str
    perform: Perform
    rules: tuple[str, ...] = ()
    falco: tuple[str, ...] = ()
    container: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
