"""A falco.yaml: its values by dotted keys, and which of them nobody has asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sidekick.compat.key import as_truth


class FalcoFile:
    """Values as they are written; whoever reads one has dealt with it, and all that is below."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value
        self._left = dict(_leaves(value))

    def take(self, key: str) -> Any:
        """The value of a key such as "outputs_queue.capacity"; None if it has none."""
        below = f"{key}."
        self._left = {k: v for k, v in self._left.items() if k != key and not k.startswith(below)}
        found: Any = self._value
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def truth(self, key: str, default: bool = False) -> bool:
        """The value as a boolean; what is none counts as the default."""
        return truth(self.take(key), default)

    def text(self, key: str) -> str:
        """The value as text, "" if it has none."""
        found = self.take(key)
        return "" if found is None else str(found)

    def left(self) -> list[str]:
        """The keys that nobody has asked for and that say something."""
        return [key for key, value in self._left.items() if value not in (None, "", [], {})]


def truth(value: Any, default: bool = False) -> bool:
    """A value as a boolean."""
    if isinstance(value, bool):
        return value
    try:
        return as_truth(str(value))
    except ValueError:
        return default


def listed(value: Any) -> list[Any]:
    """A list, which may be a single value."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _leaves(item, f"{above}{key}.")
        else:
            yield f"{above}{key}", item
