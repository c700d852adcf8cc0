"""All conditions of a rule set as one graph: what is written twice is one node.

A macro is a node like any other, so it is checked once, compiled once, and evaluated once an event
whatever number of rules and macros use it; and a set of macros that doubles with every line costs
no more than its lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sidekick.rules.ast import (
    And,
    Check,
    Field,
    Macro,
    Node,
    Not,
    Or,
    Part,
    Value,
    Values,
    branches,
    fold,
)
from sidekick.rules.definitions import Written
from sidekick.rules.event_types import ALL_TYPES, NO_TYPES, TypeSet

Key: TypeAlias = "Check | tuple[str, tuple[int, ...]]"
"""A check, or ("and" | "or" | "not", numbers of nodes)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The condition that a node was first written in; ``text`` has its lists in place."""

    text: str
    written: Written


class UndefinedMacro(Exception):
    """A condition names a macro that it does not see."""

    def __init__(self, node: Macro) -> None:
        super().__init__(node.name)
        self.node = node


class Graph:
    """Nodes by number; those inside a node have lower numbers than it."""

    def __init__(self) -> None:
        self.nodes: list[Key] = []
        self.origins: list[Origin] = []
        self._numbers: dict[Key, int] = {}
        self._types: list[tuple[TypeSet, TypeSet]] = []

    def add(self, tree: Node, macros: Mapping[str, int], origin: Origin) -> int:
        """The number of a condition's node; raises UndefinedMacro."""

        def combine(node: Part, inside: list[int]) -> int:
            match node:
                case And():
                    return self._number(("and", tuple(inside)), origin)
                case Or():
                    return self._number(("or", tuple(inside)), origin)
                case Not():
                    return self._number(("not", tuple(inside)), origin)
                case Check():
                    return self._number(node, origin)
                case Macro():
                    if node.name not in macros:
                        raise UndefinedMacro(node)
                    return macros[node.name]
            raise AssertionError(node)

        return fold(tree, combine, branches)

    def _number(self, key: Key, origin: Origin) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.nodes)
            self.nodes.append(key)
            self.origins.append(origin)
        return number

    def children(self, number: int) -> tuple[int, ...]:
        """The nodes directly inside a node."""
        key = self.nodes[number]
        return () if isinstance(key, Check) else key[1]

    def inside(self, roots: Iterable[int]) -> set[int]:
        """All nodes inside some nodes, and those themselves."""
        found: set[int] = set()
        stack = list(roots)
        while stack:
            number = stack.pop()
            if number not in found:
                found.add(number)
                stack.extend(self.children(number))
        return found

    def checks(self, root: int) -> list[int]:
        """The checks inside a node, in the order of their numbers."""
        return sorted(n for n in self.inside([root]) if isinstance(self.nodes[n], Check))

    def size(self, root: int) -> int:
        """How many checks the condition would have, were its macros written out."""
        sizes: dict[int, int] = {}
        for number in sorted(self.inside([root])):
            sizes[number] = sum(sizes[child] for child in self.children(number)) or 1
        return sizes[root]

    def tree(self, root: int) -> Node:
        """The condition with its macros written out. Ask ``size`` first."""
        trees: dict[int, Node] = {}
        for number in sorted(self.inside([root])):
            key = self.nodes[number]
            if isinstance(key, Check):
                trees[number] = key
                continue
            word, children = key
            parts = tuple(trees[child] for child in children)
            trees[number] = (
                Not(parts[0]) if word == "not" else And(parts) if word == "and" else Or(parts)
            )
        return trees[root]

    def event_types(self, root: int) -> TypeSet:
        """The event types for which a condition may hold: Falco's algebra of sets.

        ``and`` is the intersection, ``or`` the union; ``not`` is pushed down to the checks, where
        those that say nothing of types hold all of them, negated or not.
        """
        while len(self._types) <= root:
            self._types.append(self._both(self.nodes[len(self._types)]))
        return self._types[root][0]

    def _both(self, key: Key) -> tuple[TypeSet, TypeSet]:
        """The types of a node and those of its negation."""
        if isinstance(key, Check):
            return _types_of_check(key)
        word, children = key
        found = [self._types[child] for child in children]
        if word == "not":
            return found[0][1], found[0][0]
        every, some = (0, 1) if word == "and" else (1, 0)
        both: list[Any] = [None, None]
        both[every], both[some] = ALL_TYPES, NO_TYPES
        for types in found:
            both[every] &= types[every]
            both[some] |= types[some]
        return both[0], both[1]


def _types_of_check(check: Check) -> tuple[TypeSet, TypeSet]:
    right = check.right
    if not (isinstance(check.left, Field) and check.left.key == "evt.type"):
        return ALL_TYPES, ALL_TYPES
    if check.operator == "exists":
        return ALL_TYPES, NO_TYPES
    if check.modifier or check.operator not in ("=", "==", "!=", "in"):
        return ALL_TYPES, ALL_TYPES
    if not isinstance(right, Value | Values):
        return ALL_TYPES, ALL_TYPES
    named = TypeSet(frozenset(right.texts if isinstance(right, Values) else (right.text,)))
    return (~named, named) if check.operator == "!=" else (named, ~named)
