"""Lists in conditions: replaced in the text before it is parsed, as Falco does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import dropwhile
from typing import NamedTuple

from sidekick.errors import SidekickError
from sidekick.rules.definitions import ListDefinition

_BLANKS = " \t\n\r"
_WORDS = re.compile(r"[^ \t\n\r(),=]++")
TEXT_LIMIT = 32 * 1024 * 1024
"""Characters that a condition may have when the lists are in it."""

TOTAL_LIMIT = 8 * TEXT_LIMIT
"""Characters that all conditions together may have: what lists multiply is bounded, too."""


class TooLong(SidekickError):
    """A condition grows beyond all measure by its lists."""


class Edit(NamedTuple):
    """``old[start:end]`` has become ``new[new_start:new_end]``; the name began at ``name``."""

    start: int
    end: int
    name: int
    new_start: int
    new_end: int


class Lists:
    """All lists by name, in the order of their definition, and which of them were used.

    The name of a list is replaced wherever it stands alone between blanks, parentheses, commas and
    ``=``, even in quotes. Lists are replaced in the order of their definition, so the items of one
    may name a later one, which is replaced then.
    """

    def __init__(self, definitions: Mapping[str, ListDefinition]) -> None:
        self.used: set[str] = set()
        self._order = {name: place for place, name in enumerate(definitions)}
        self._items = {name: self._expanded(d, definitions) for name, d in definitions.items()}
        self._replacements: dict[str, str] = {}
        self._total = 0
        self._odd = _by_first_word(name for name in definitions if not _WORDS.fullmatch(name))

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
        return self._items[name]

    def substitute(self, text: str) -> str:
        """The text with every name of a list replaced by its items; raises TooLong."""
        for found, _ in self._passes(text):
            text = found
        self._total += len(text)
        if self._total > TOTAL_LIMIT:
            raise TooLong(f"all conditions have more than {TOTAL_LIMIT} characters with the lists")
        return text

    def origin(self, text: str, offset: int) -> int:
        """The place in a text of what ``substitute`` moved to ``offset``; that of a list's name
        for what is in its items."""
        for _, edits in reversed(list(self._passes(text))):
            offset = _before(edits, offset)
        return offset

    def _passes(self, text: str) -> Iterable[tuple[str, list[Edit]]]:
        """The text after each step, and what the step changed."""
        for name in self._odd_names(text):
            text, edits = _replaced(text, _standing(text, name), self._replacement)
            if edits:
                self.used.add(name)
                yield text, edits
        names = [found for found in _WORDS.finditer(text) if found[0] in self._order]
        if names:
            self.used.update(found[0] for found in names)
            yield _replaced(text, names, self._replacement)

    def _odd_names(self, text: str) -> list[str]:
        """The lists that may be named in a text whose names are not one word."""
        if not self._odd:
            return []
        words = {"", *_WORDS.findall(text)}
        known = (name for word in words if word in self._odd for name in self._odd[word])
        return sorted((name for name in known if name in text), key=self._order.__getitem__)

    def _replacement(self, name: str) -> str:
        """What stands for a name: its items, with the later lists among them in place."""
        waiting = [name]
        while waiting:
            current = waiting[-1]
            if current in self._replacements:
                waiting.pop()
                continue
            place = self._order[current]
            text = ", ".join(dropwhile(lambda text: not text, map(quote_item, self.items(current))))
            names = [f for f in _WORDS.finditer(text) if self._order.get(f[0], -1) > place]
            missing = {f[0] for f in names if f[0] not in self._replacements}
            if missing:
                waiting += missing
                continue
            self.used.update(found[0] for found in names)
            text, _ = _replaced(text, names, self._replacements.__getitem__)
            self._replacements[current] = text.rstrip(" ")
        return self._replacements[name]


def _by_first_word(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        word = _WORDS.search(name)
        found.setdefault(word[0] if word else "", []).append(name)
    return found


def _standing(text: str, name: str) -> Iterable[re.Match[str]]:
    """Where a name stands alone."""
    delimiters = r"[^ \t\n\r(),=]"
    return re.finditer(rf"(?<!{delimiters}){re.escape(name)}(?!{delimiters})", text)


def quote_item(item: str) -> str:
    """An item as it stands in a condition: in quotes if it holds a blank and has none."""
    return f'"{item}"' if " " in item and item[0] not in "\"'" else item


def _replaced(
    text: str, names: Iterable[re.Match[str]], replacement: Callable[[str], str]
) -> tuple[str, list[Edit]]:
    """Replace names and the blanks around them.

    An empty list takes a comma with it: the one before, else the one after. Raises TooLong.
    """
    pieces: list[str] = []
    edits: list[Edit] = []
    at = size = 0
    for found in names:
        start, end = found.span()
        if start < at:
            continue
        new = replacement(found[0])
        start, end = _with_blanks(text, start, end, at)
        if not new:
            if start > at and text[start - 1] == ",":
                start -= 1
            elif text[end : end + 1] == ",":
                end += 1
        before = " " if start > at else ""
        size += start - at + len(before)
        edits.append(Edit(start, end, found.start(), size, size + len(new) + 1))
        size += len(new) + 1
        if size > TEXT_LIMIT:
            raise TooLong(f"the condition has more than {TEXT_LIMIT} characters with its lists")
        pieces += (text[at:start], before, new, " ")
        at = end
    pieces.append(text[at:])
    return "".join(pieces), edits


def _with_blanks(text: str, start: int, end: int, at: int) -> tuple[int, int]:
    while start > at and text[start - 1] in _BLANKS:
        start -= 1
    while end < len(text) and text[end] in _BLANKS:
        end += 1
    return start, end


def _before(edits: list[Edit], offset: int) -> int:
    """The place before some edits of what is at ``offset`` after them."""
    shift = 0
    for edit in edits:
        if offset < edit.new_start:
            break
        if offset < edit.new_end:
            return edit.name
        shift = edit.end - edit.new_end
    return offset + shift
