"""What of a stage's state has changed since it was last written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

Item = tuple[str, bytes | None]
"""A named piece of state, encoded; None: it is gone."""


class Journal(Generic[T]):
    """The names of what changed; knows which of them are written down already.

    ``dirty`` may be set directly for an item that is there, where a call would cost too much.
    """

    def __init__(self, encode: Callable[[T], bytes]) -> None:
        self.dirty: dict[str, T | None] = {}
        self._encode = encode
        self._written: set[str] = set()

    def changed(self, name: str, item: T) -> None:
        """The item of that name is new or has changed."""
        self.dirty[name] = item

    def gone(self, name: str) -> None:
        """The item of that name is not there any more."""
        if name in self._written:
            self.dirty[name] = None
        else:
            self.dirty.pop(name, None)

    def restored(self, name: str) -> None:
        """The item of that name was read from what is written down."""
        self._written.add(name)

    def changes(self) -> list[Item]:
        """All that changed since the last call."""
        items: list[Item] = []
        for name, item in self.dirty.items():
            if item is None:
                self._written.discard(name)
                items.append((name, None))
            else:
                self._written.add(name)
                items.append((name, self._encode(item)))
        self.dirty = {}
        return items


def readable(
    items: Iterable[tuple[str, bytes]], decode: Callable[[bytes], T]
) -> list[tuple[str, T]]:
    """The items decoded, without those that another version wrote in another form."""
    found: list[tuple[str, T]] = []
    for name, value in items:
        try:
            found.append((name, decode(value)))
        except msgspec.MsgspecError:
            continue
    return found
