"""Which fields of the data a template names."""

from __future__ import annotations

from collections.abc import Iterator

from sidekick.go_template.nodes import (
    Assign,
    Block,
    Call,
    Dot,
    Field,
    If,
    Operand,
    Pipeline,
    Print,
    Range,
    Variable,
)


def of_data(block: Block, at_root: bool = True) -> Iterator[Field]:
    """Every ``.name`` and ``$.name`` of the data itself; ``at_root``: the dot is the data."""
    for node in block:
        if isinstance(node, Print | Assign):
            yield from _in(node.value, at_root)
        elif isinstance(node, If):
            found = node.condition
            yield from _in(found.value if isinstance(found, Assign) else found, at_root)
            yield from of_data(node.body, at_root and not node.sets_dot)
            yield from of_data(node.otherwise, at_root)
        elif isinstance(node, Range):
            yield from _in(node.value, at_root)
            yield from of_data(node.body, False)
            yield from of_data(node.otherwise, at_root)


def _in(operand: Operand, at_root: bool) -> Iterator[Field]:
    if isinstance(operand, Pipeline | Call):
        parts = operand.commands if isinstance(operand, Pipeline) else operand.arguments
        for part in parts:
            yield from _in(part, at_root)
    elif isinstance(operand, Field):
        is_dot = at_root and isinstance(operand.of, Dot)
        if is_dot or (isinstance(operand.of, Variable) and operand.of.name == "$"):
            yield operand
        yield from _in(operand.of, at_root)
