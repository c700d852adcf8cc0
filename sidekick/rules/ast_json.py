"""Syntax trees as JSON, for programs that read conditions.

    {"type": "and" | "or", "children": [...]}      {"type": "not", "child": ...}
    {"type": "macro", "name": "spawned_process"}
    {"type": "check", "left": ..., "operator": "in", "modifier": null, "right": ...}

Operands are {"type": "field", "name", "argument"}, {"type": "transformer", "name", "arguments",
"argument"}, {"type": "value", "value"} and {"type": "list", "values"}; ``right`` is null after
``exists``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

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
from sidekick.rules.printer import Piece, written


def as_json(root: Part) -> str:
    """The tree as JSON text, whatever its depth: encoders give up after a thousand levels."""
    return written(root, _pieces)


def _pieces(node: Part) -> Sequence[Piece]:
    match node:
        case And():
            return ('{"type":"and","children":', *_array(node.children), "}")
        case Or():
            return ('{"type":"or","children":', *_array(node.children), "}")
        case Not():
            return ('{"type":"not","child":', node.child, "}")
        case Macro():
            return (_object("macro", name=node.name),)
        case Check():
            head = f'{{"type":"check","operator":{_text(node.operator)}'
            modifier = f',"modifier":{_text(node.modifier or None)},"left":'
            right: Piece = "null" if node.right is None else node.right
            return (head + modifier, node.left, ',"right":', right, "}")
        case Field():
            return (_object("field", name=node.name, argument=node.argument),)
        case Transform():
            head = f'{{"type":"transformer","name":{_text(node.name)},"arguments":'
            return (head, *_array(node.arguments), f',"argument":{_text(node.key)}}}')
        case Items():
            return ('{"type":"list","values":', *_array(node.items), "}")
        case Literal() | Value():
            return (_object("value", value=node.text),)
        case Values():
            values = ",".join(map(_text, node.texts))
            return (f'{{"type":"list","values":[{values}]}}',)


def _array(nodes: Iterable[Part]) -> Sequence[Piece]:
    pieces: list[Piece] = ["["]
    for node in nodes:
        pieces += (node, ",")
    if len(pieces) > 1:
        pieces.pop()
    return [*pieces, "]"]


def _object(type_: str, **members: str | None) -> str:
    rest = "".join(f',"{name}":{_text(value)}' for name, value in members.items())
    return f'{{"type":"{type_}"{rest}}}'


def _text(value: str | None) -> str:
    return json.dumps(value)
