"""What a template is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Block = tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; ``nil`` is None."""

    value: Any


@dataclass(frozen=True, slots=True)
class Dot:
    """``.``, the current value."""


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name``; ``$`` is the data."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Field:
    """``.name`` of a value."""

    of: Operand
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    name: str
    arguments: tuple[Operand, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each given the value of the one before as its last argument."""

    commands: tuple[Operand, ...]


Operand = Literal | Dot | Variable | Field | Call | Pipeline


@dataclass(frozen=True, slots=True)
class Assign:
    """``$x := pipeline`` (declares) or ``$x = pipeline``."""

    name: str
    value: Pipeline
    declares: bool
    place: str


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Print:
    """The value of a pipeline as text."""

    value: Pipeline


@dataclass(frozen=True, slots=True)
class If:
    """``if``; with ``with`` the value becomes the dot."""

    condition: Pipeline | Assign
    body: Block
    otherwise: Block
    sets_dot: bool


@dataclass(frozen=True, slots=True)
class Range:
    """``range``, over ``names`` of index and element."""

    value: Pipeline
    names: tuple[str, ...]
    declares: bool
    body: Block
    otherwise: Block
    place: str


@dataclass(frozen=True, slots=True)
class Leave:
    """``break`` or, if it goes on, ``continue``."""

    goes_on: bool


Node = Text | Print | Assign | If | Range | Leave
