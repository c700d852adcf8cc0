"""Lists in conditions: replaced in the text before it is parsed, as Falco does it."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping

from sidekick.errors import SidekickError
from sidekick.rules.definitions import ListDefinition

_BLANKS = " \t\n\r"
_WORDS = re.compile(r"[^ \t\n\r(),=]++")
TEXT_LIMIT = 32 * 1024 * 1024
"""Bytes that a condition may have when the lists are in it."""


class TooLong(SidekickError):
    """A condition grows beyond all measure by its lists."""


class Lists:
    """All lists by name, in the order of their definition, and which of them were used."""

    def __init__(self, definitions: Mapping[str, ListDefinition]) -> None:
        self.used: set[str] = set()
        self._order: dict[str, int] = {}
        self._items: list[list[str]] = []
        self._names = list(definitions)
        self._joined: dict[int, str] = {}
        for place, (name, found) in enumerate(definitions.items()):
            self._order[name] = place
            self._items.append(self._expanded(found, definitions))

    def _expanded(
        self, found: ListDefinition, definitions: Mapping[str, ListDefinition]
    ) -> list[str]:
        """The items, where the name of an earlier list stands for the items of that one."""
        items: list[str] = []
        for item in found.items:
            other = definitions.get(item)
            if other is not None and other.index < found.visible_from:
                self.used.add(item)
                items += other.items
            else:
                items.append(item)
            if len(items) > TEXT_LIMIT:
                raise TooLong(f"list '{found.name}' has more than {TEXT_LIMIT} items")
        return items

    def items(self, name: str) -> list[str]:
        """The items of a list, those of other lists in it included."""
        return self._items[self._order[name]]

    def substitute(self, text: str) -> str:
        """The text with every name of a list replaced by its items; raises TooLong.

        A name counts where it stands alone between blanks, parentheses, commas and ``=``, even in
        quotes. Lists are replaced in the order of their definition, so the items of one may name a
        later one, which is replaced then.
        """
        waiting = self._places(text, -1)
        heapq.heapify(waiting)
        done = -1
        while waiting:
            place = heapq.heappop(waiting)
            if place == done:
                continue
            done = place
            name = self._names[place]
            replacement = self._replacement(place)
            text, count = _substitute(text, name, replacement)
            if not count:
                continue
            if len(text) > TEXT_LIMIT:
                raise TooLong(f"the condition has more than {TEXT_LIMIT} bytes with its lists")
            self.used.add(name)
            for later in self._places(replacement, place):
                heapq.heappush(waiting, later)
        return text

    def _places(self, text: str, after: int) -> list[int]:
        order = self._order
        words = set(_WORDS.findall(text))
        return [place for word in words if (place := order.get(word, -1)) > after]

    def _replacement(self, place: int) -> str:
        if place not in self._joined:
            self._joined[place] = ", ".join(map(quote_item, self._items[place]))
        return self._joined[place]


def quote_item(item: str) -> str:
    """An item as it stands in a condition: in quotes if it holds a blank and has none."""
    return f'"{item}"' if " " in item and item[0] not in "\"'" else item


def _substitute(text: str, name: str, replacement: str) -> tuple[str, int]:
    """Replace a name with the blanks around it; how often that was done.

    An empty list takes a comma with it: the one before, else the one after.
    """
    pieces: list[str] = []
    at = count = 0
    alone = rf"(?<![^ \t\n\r(),=]){re.escape(name)}(?![^ \t\n\r(),=])"
    for found in re.finditer(alone, text):
        start, end = found.span()
        while start > at and text[start - 1] in _BLANKS:
            start -= 1
        while end < len(text) and text[end] in _BLANKS:
            end += 1
        if not replacement:
            if start > at and text[start - 1] == ",":
                start -= 1
            elif end < len(text) and text[end] == ",":
                end += 1
        pieces += (text[at:start], " " if start else "", replacement, " ")
        at = end
        count += 1
    return ("".join((*pieces, text[at:])), count) if count else (text, 0)
