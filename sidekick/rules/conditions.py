"""Conditions of rules and macros: from what files say to nodes of the graph, faults with places."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from sidekick.errors import ConditionError
from sidekick.rules.ast import Node, Place
from sidekick.rules.definitions import Written, text_of
from sidekick.rules.findings import Code, Context, RulesFault
from sidekick.rules.graph import Graph, Origin, UndefinedMacro
from sidekick.rules.parser import parse
from sidekick.rules.resolve import Lists, TooLong


class Conditions:
    """Parses conditions with their lists in place and adds them to a graph."""

    def __init__(self, lists: Lists, graph: Graph) -> None:
        self._lists = lists
        self._graph = graph

    def parse(self, written: Written) -> tuple[Node, Origin]:
        """The tree of a condition; raises RulesFault."""
        text = text_of(written)
        try:
            text = self._lists.substitute(text)
            return parse(text), Origin(text, written)
        except ConditionError as fault:
            raise self.fault(fault, Origin(text, written)) from None
        except TooLong as fault:
            context = written[0].context
            raise RulesFault(Code.LOAD_ERR_COMPILE_CONDITION, str(fault), context) from None

    def add(self, tree: Node, macros: Mapping[str, int], origin: Origin) -> int:
        """The number of a tree's node in the graph; raises RulesFault for an unknown macro."""
        try:
            return self._graph.add(tree, macros, origin)
        except UndefinedMacro as fault:
            name = fault.node.name
            reason = f"Undefined macro '{name[:80]}' used in filter.{_near(name, macros)}"
            context = self.context(origin, fault.node.place)
            raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context) from None

    def fault(self, fault: ConditionError, origin: Origin) -> RulesFault:
        """The fault of a rule file that a fault of a condition is."""
        context = self.context(origin, Place(fault.line, fault.column))
        return RulesFault(Code.LOAD_ERR_COMPILE_CONDITION, fault.reason, context)

    def context(self, origin: Origin, place: Place) -> Context:
        """The context of a place in a condition that has its lists in place."""
        offset = _offset(origin.text, place)
        before = self._lists.origin(text_of(origin.written), offset)
        for piece in origin.written:
            if before <= len(piece.text):
                break
            before -= len(piece.text)
        context = piece.context.in_condition(origin.text, place.line, place.column, offset)
        if not piece.written:
            return context
        return replace(context, scalar=piece.text, scalar_offset=before)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:80], known, 1, 0.75)
    return f" Did you mean '{near[0]}'?" if near else ""


def _offset(text: str, place: Place) -> int:
    at = 0
    for _ in range(place.line - 1):
        at = text.find("\n", at) + 1
        if not at:
            return len(text)
    return min(at + place.column - 1, len(text))
