"""The syntax tree of a condition, and the one way to walk it.

A tree may be a thousand levels deep: everything that walks one goes through ``fold``
or ``walk``, which keep their own stack instead of Python's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, TypeVar


class Place(NamedTuple):
    """Where a node starts in its own text; both count from 1."""

    line: int
    column: int


START = Place(1, 1)


@dataclass(frozen=True, slots=True)
class And:
    """All children hold; two of them at least."""

    children: tuple[Node, ...]
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or:
    """One child at least holds; two of them at least."""

    children: tuple[Node, ...]
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The child does not hold."""

    child: Node
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Macro:
    """A bare identifier: the condition of that name."""

    name: str
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Check:
    """``left operator right``; ``right`` is None for ``exists``, ``modifier`` "" for none.

    The operator is written as in the text, so ``==`` stays apart from ``=``.
    """

    left: Operand
    operator: str
    right: Value | Values | Operand | None = None
    modifier: str = ""
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Field:
    """``name`` or ``name[argument]``; the argument is unescaped."""

    name: str
    argument: str | None = None
    place: Place = field(default=START, compare=False, repr=False)

    @property
    def key(self) -> str:
        """The full text, which is the key of its value in a record."""
        return self.name if self.argument is None else f"{self.name}[{self.argument}]"


@dataclass(frozen=True, slots=True)
class Transform:
    """``name(arguments)`` or ``name(arguments)[key]``; ``val(field)`` is one too."""

    name: str
    arguments: tuple[Operand, ...]
    key: str | None = None
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """A quoted text or a number among the arguments of a transformer."""

    text: str
    number: bool = False
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Items:
    """A list in parentheses among the arguments of a transformer."""

    items: tuple[Operand, ...]
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Value:
    """One constant; after a list operator it is an identifier: the name of a list."""

    text: str
    place: Place = field(default=START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Values:
    """A list of constants in parentheses."""

    texts: tuple[str, ...]
    place: Place = field(default=START, compare=False, repr=False)


Node: TypeAlias = And | Or | Not | Macro | Check
Operand: TypeAlias = Field | Transform | Literal | Items
Part: TypeAlias = Node | Operand | Value | Values

T = TypeVar("T")


def children(node: Part) -> Sequence[Part]:
    """The direct children of any node, left to right."""
    match node:
        case And() | Or():
            return node.children
        case Not():
            return (node.child,)
        case Check():
            return (node.left,) if node.right is None else (node.left, node.right)
        case Transform():
            return node.arguments
        case Items():
            return node.items
        case _:
            return ()


def walk(root: Part) -> Iterator[Part]:
    """Every node of the tree, parents before children, left to right."""
    stack: list[Part] = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def fold(
    root: Part,
    combine: Callable[[Part, list[T]], T],
    inside: Callable[[Part], Sequence[Part]] = children,
) -> T:
    """The value of the root, where ``combine`` makes a node's value of those of its children.

    ``inside`` may hide children that ``combine`` looks after itself.
    """
    values: list[T] = []
    stack: list[tuple[Part, int]] = [(root, -1)]
    while stack:
        node, count = stack.pop()
        if count < 0:
            below = inside(node)
            stack.append((node, len(below)))
            stack.extend((child, -1) for child in reversed(below))
            continue
        taken = values[len(values) - count :]
        del values[len(values) - count :]
        values.append(combine(node, taken))
    return values[0]


def branches(node: Part) -> Sequence[Part]:
    """The children of ``and``, ``or`` and ``not``; none of a check, whose operands stay whole."""
    return children(node) if isinstance(node, And | Or | Not) else ()
