"""What a template is made of."""

from __future__ import annotations

from typing import Any

import msgspec

Block = tuple["Node", ...]


class Literal(msgspec.Struct, frozen=True):
    """A constant; ``nil`` is None."""

    value: Any


class Dot(msgspec.Struct, frozen=True):
    """``.``, the current value."""


class Variable(msgspec.Struct, frozen=True):
    """``$name``; ``$`` is the data."""

    name: str
    place: str


class Field(msgspec.Struct, frozen=True):
    """``.name`` of a value."""

    of: Operand
    name: str
    place: str


class Call(msgspec.Struct, frozen=True):
    """A function and its arguments."""

    name: str
    arguments: tuple[Operand, ...]
    place: str


class Pipeline(msgspec.Struct, frozen=True):
    """Commands, each given the value of the one before as its last argument."""

    commands: tuple[Operand, ...]


Operand = Literal | Dot | Variable | Field | Call | Pipeline


class Assign(msgspec.Struct, frozen=True):
    """``$x := pipeline`` (declares) or ``$x = pipeline``."""

    name: str
    value: Pipeline
    declares: bool
    place: str


class Text(msgspec.Struct, frozen=True):
    """Plain text."""

    text: str


class Print(msgspec.Struct, frozen=True):
    """The value of a pipeline as text."""

    value: Pipeline


class If(msgspec.Struct, frozen=True):
    """``if``; with ``with`` the value becomes the dot."""

    condition: Pipeline | Assign
    body: Block
    otherwise: Block
    sets_dot: bool


class Range(msgspec.Struct, frozen=True):
    """``range``, over ``names`` of index and element."""

    value: Pipeline
    names: tuple[str, ...]
    declares: bool
    body: Block
    otherwise: Block
    place: str


class Leave(msgspec.Struct, frozen=True):
    """``break`` or, if it goes on, ``continue``."""

    goes_on: bool


Node = Text | Print | Assign | If | Range | Leave
