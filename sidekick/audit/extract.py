"""How values are found along the paths of an event: the kinds of fields that there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sidekick.audit.nodes import MISSING, child, elements, follow, text


class Event(Protocol):
    """An audit event by its top-level keys."""

    def top(self, key: str) -> Any:
        """The node of a key, or MISSING."""


Extract = Callable[[Event], Any]
Make = Callable[[str | None], Extract]
"""An extractor for the argument in a field's brackets, None without brackets."""


def at(event: Event, first: str, *more: str) -> Any:
    """The node at a path, or MISSING."""
    node = event.top(first)
    for key in more:
        node = node.get(key, MISSING) if node.__class__ is dict else child(node, key)
    return node


def along(event: Event, path: tuple[str, ...], index: int | None) -> list[Any] | None:
    """The nodes along a path with lists on it; see ``nodes.follow``."""
    node = event.top(path[0])
    return None if node is MISSING else follow(node, path[1:], index)


def path_of(path: str) -> tuple[str, ...]:
    """The keys of "a/b/c"."""
    return tuple(path.split("/"))


def index_of(argument: str | None) -> int | None:
    """The number in a field's brackets; None without one."""
    return int(argument) if argument is not None and argument.isdecimal() else None


def texts(nodes: list[Any]) -> list[str]:
    """The texts of those that are there."""
    return [text(node) for node in nodes if node is not MISSING]


# -- kinds of fields -------------------------------------------------------------------------------


def scalar(*path: str) -> Make:
    """The text at a path."""

    def extract(event: Event) -> str | None:
        node = at(event, *path)
        if node.__class__ is str:
            return node
        return None if node is MISSING else text(node)

    return lambda argument: extract


def listed(path: tuple[str, ...]) -> Make:
    """The elements of one list."""

    def make(argument: str | None) -> Extract:
        index = index_of(argument)

        def extract(event: Event) -> list[str] | None:
            found = elements(at(event, *path))
            if found is None:
                return None
            return [text(node) for node in (found if index is None else found[index : index + 1])]

        return extract

    return make


def each(path: tuple[str, ...]) -> Make:
    """One text for each element that has the rest of the path."""

    def make(argument: str | None) -> Extract:
        index = index_of(argument)

        def extract(event: Event) -> list[str] | None:
            found = along(event, path, index)
            return None if found is None else texts(found)

        return extract

    return make


def every(path: tuple[str, ...], change: Callable[[str], str] = str) -> Make:
    """The same, and nothing at all where one element lacks the rest of the path."""

    def make(argument: str | None) -> Extract:
        index = index_of(argument)

        def extract(event: Event) -> list[str] | None:
            found = along(event, path, index)
            if found is None or MISSING in found:
                return None
            return [change(text(node)) for node in found]

        return extract

    return make


def first_of(make: Make) -> Make:
    """The first container's value alone."""
    extract_first = make("0")

    def extract(event: Event) -> str | None:
        found = extract_first(event)
        return found[0] if found else None

    return lambda argument: extract


def flattened(key: str) -> Make:
    """The elements of a list that each rule of a role has."""

    def make(argument: str | None) -> Extract:
        index = index_of(argument)

        def extract(event: Event) -> list[str] | None:
            found = along(event, ("requestObject", "rules", key), index)
            if found is None:
                return None
            return [text(one) for node in found for one in elements(node) or ()]

        return extract

    return make


def effective(path: tuple[str, ...], key: str) -> Make:
    """The plugin looks beside the security contexts, so this is "0" for nearly every container."""

    def make(argument: str | None) -> Extract:
        index = index_of(argument)

        def extract(event: Event) -> list[str] | None:
            found = along(event, (*path, key), index)
            of_pod = at(event, "requestObject", "spec", key)
            default = "0" if of_pod is MISSING else text(of_pod)
            if found is None:
                return None
            return [default if node is MISSING else text(node) for node in found]

        return extract

    return make


def repository(image: str) -> str:
    """Up to the first colon, so a registry's port ends it too."""
    return image.partition(":")[0].partition("@")[0]
