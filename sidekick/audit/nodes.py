"""JSON as Falco's plugins see it: a text is a string, or the exact JSON that was sent.

A node is what msgspec decodes, or a ``msgspec.Raw`` that is opened level by level. Only the latter
still knows how objects and fractions were written; ``text`` raises ``Inexact`` for the former.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

MISSING: Final = object()
"""What a path leads to that is not there; null is there."""

_INDEX = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_decode = msgspec.json.Decoder().decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Inexact(Exception):
    """The text of a decoded object, list or fraction: only its JSON knows it."""


def opened(node: Any) -> Any:
    """The same, or the first level of a raw object, list or string; other raw values stay."""
    if node.__class__ is not msgspec.Raw:
        return node
    data = bytes(node)
    match data[:1]:
        case b"{":
            return _members(data)
        case b"[":
            return _items(data)
        case b'"':
            return _decode(data)
    return node


def child(node: Any, key: str) -> Any:
    """The member of an object, or the element of a list at that index, or MISSING."""
    node = opened(node)
    if node.__class__ is dict:
        return node.get(key, MISSING)
    if node.__class__ is list and _INDEX.fullmatch(key):
        index = int(key)
        return node[index] if 0 <= index < len(node) else MISSING
    return MISSING


def follow(node: Any, keys: Sequence[str], index: int | None = None) -> list[Any] | None:
    """All nodes at a path, where a list on the way stands for each of its elements, or for one.

    An element that lacks the rest of the path gives MISSING; None is for a path that ends before
    any list, and for an index beyond a list's end. A list at the very end is one node.
    """
    for place, key in enumerate(keys):
        node = opened(node)
        if node.__class__ is list:
            if index is None:
                return [found for item in node for found in _each(item, keys[place:])]
            if index >= len(node):
                return None
            node = node[index]
        node = child(node, key)
        if node is MISSING:
            return None
    return [node]


def _each(node: Any, keys: Sequence[str]) -> list[Any]:
    found = follow(node, keys)
    return [MISSING] if found is None else found


def text(node: Any) -> str:
    """A string as it is; anything else as compact JSON."""
    kind = node.__class__
    if kind is str:
        return str(node)
    if kind is bool or node is None:
        return {True: "true", False: "false", None: "null"}[node]
    if kind is int:
        return str(node)
    if kind is not msgspec.Raw:
        raise Inexact
    data = bytes(node)
    if data[:1] == b'"':
        return str(_decode(data))
    return msgspec.json.format(data, indent=-1).decode()


def is_true(node: Any) -> bool:
    """Is it the constant ``true``?"""
    return node is True or (node.__class__ is msgspec.Raw and bytes(node) == b"true")


def elements(node: Any) -> list[Any] | None:
    """The elements of a list; None of anything else."""
    node = opened(node)
    return node if node.__class__ is list else None


def keys(node: Any) -> list[str]:
    """The keys of an object in the order in which they were sent; none of anything else."""
    node = opened(node)
    return list(node) if node.__class__ is dict else []
