"""Syntax trees as text: Falco's own printed form, and a form that always reads back the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from sidekick.rules.ast import (
    And,
    Check,
    Field,
    Items,
    Literal,
    Macro,
    Not,
    Or,
    Part,
    Transform,
    Value,
    Values,
)
from sidekick.rules.escapes import escape, quoted, readable
from sidekick.rules.lexer import BARE, FIELD_ARGUMENT

Piece: TypeAlias = str | Part


def canonical(node: Part) -> str:
    """The text that Falco prints for a tree.

    It reads back as the same tree but for a few that Falco prints no better: a ``not`` of a
    ``not``, and constants that are empty, hold ``( ) ,`` or end with a backslash. See ``source``.
    """
    return written(node, _falco_pieces)


def source(node: Part) -> str:
    """A text that ``parse`` reads back as an equal tree; Falco's wherever that one would."""
    return written(node, _source_pieces)


def written(root: Part, pieces: Callable[[Part], Sequence[Piece]]) -> str:
    """The text of a tree of any depth: ``pieces`` gives the texts and parts that a part is."""
    out: list[str] = []
    stack: list[Piece] = [root]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            out.append(piece)
        else:
            stack.extend(reversed(pieces(piece)))
    return "".join(out)


def _falco_pieces(node: Part) -> Sequence[Piece]:
    match node:
        case And():
            return _joined(" and ", node.children)
        case Or():
            return _joined(" or ", node.children)
        case Not():
            return ("not ", node.child)
        case Macro():
            return (node.name,)
        case Check():
            return _check(node)
        case Field():
            return (node.name, f"[{escape(node.argument)}]" if node.argument else "")
        case Transform():
            key = f"[{escape(node.key)}]" if node.key else ""
            return (node.name, *_joined(", ", node.arguments), key)
        case Items():
            return _joined(", ", node.items)
        case Literal():
            return (node.text if node.number else quoted(node.text),)
        case Value():
            return (escape(node.text),)
        case Values():
            return (f"({', '.join(map(escape, node.texts))})",)


def _source_pieces(node: Part) -> Sequence[Piece]:
    match node:
        case Not(child=Not()):
            return ("not (", node.child, ")")
        case Field(argument=str() as argument):
            return (node.name, _brackets(argument))
        case Transform(key=str() as key):
            return (node.name, *_joined(", ", node.arguments), _brackets(key))
        case Literal(number=False):
            return (readable(node.text),)
        case Check(right=Value(text=text), modifier=""):
            return (node.left, f" {node.operator} ", constant(text))
        case Values():
            return (f"({', '.join(map(constant, node.texts))})",)
        case _:
            return _falco_pieces(node)


def _check(node: Check) -> Sequence[Piece]:
    modifier = f" {node.modifier}" if node.modifier else ""
    right: Sequence[Piece] = () if node.right is None else (" ", node.right)
    return (node.left, f" {node.operator}", modifier, *right)


def _joined(separator: str, nodes: Iterable[Part]) -> Sequence[Piece]:
    pieces: list[Piece] = ["("]
    for node in nodes:
        pieces += (node, separator)
    if len(pieces) > 1:
        pieces.pop()
    return [*pieces, ")"]


def constant(text: str) -> str:
    """A constant that reads back as it was, quoted only if it must be."""
    printed = escape(text)
    return printed if BARE.fullmatch(printed) else readable(text)


def _brackets(argument: str) -> str:
    printed = escape(argument)
    return f"[{printed if FIELD_ARGUMENT.fullmatch(printed) else readable(argument)}]"
