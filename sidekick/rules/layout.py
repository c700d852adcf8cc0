"""A condition over several lines, for people: what fits on a line stays on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sidekick.rules.ast import And, Check, Node, Not, Or, Part, Values, branches, fold
from sidekick.rules.printer import constant, source

_WIDTH = 96
_INDENT = "  "


def layout(tree: Node) -> list[str]:
    """The lines of a condition; together they read back as the same tree."""
    return fold(tree, _combine, branches)


def _combine(node: Part, inside: list[list[str]]) -> list[str]:
    match node:
        case And():
            return _joined("and", inside)
        case Or():
            return _joined("or", inside)
        case Not():
            return _negated(inside[0])
    return _check(node)


def _check(node: Part) -> list[str]:
    text = source(node)
    if len(text) <= _WIDTH or not (isinstance(node, Check) and isinstance(node.right, Values)):
        return [text]
    head = source(replace(node, right=Values(()))).removesuffix(")")
    lines = [_INDENT]
    for item in map(constant, node.right.texts):
        if len(lines[-1]) + len(item) > _WIDTH and lines[-1].strip():
            lines.append(_INDENT)
        lines[-1] += f"{item}, "
    found = [head, *(line.rstrip() for line in lines)]
    found[-1] = found[-1].rstrip(",")
    return [*found, ")"]


def _joined(word: str, inside: Sequence[list[str]]) -> list[str]:
    if all(len(lines) == 1 for lines in inside):
        line = f"({f' {word} '.join(lines[0] for lines in inside)})"
        if len(line) <= _WIDTH:
            return [line]
    found = ["("]
    for number, lines in enumerate(inside):
        before = f"{word} " if number else ""
        found.append(f"{_INDENT}{before}{lines[0]}")
        found += (_INDENT + line for line in lines[1:])
    return [*found, ")"]


def _negated(lines: list[str]) -> list[str]:
    if lines[0].startswith("not "):
        return [f"not ({lines[0]}", *lines[1:-1], f"{lines[-1]})"] if len(lines) > 1 else [
            f"not ({lines[0]})"
        ]  # fmt: skip
    return [f"not {lines[0]}", *lines[1:]]
