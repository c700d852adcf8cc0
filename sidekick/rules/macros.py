"""Macros in the graph, each after those that it uses, as far as it sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sidekick.rules.ast import Macro, Node, Part, walk
from sidekick.rules.conditions import Conditions
from sidekick.rules.definitions import MacroDefinition
from sidekick.rules.findings import Code, Finding, RulesFault
from sidekick.rules.graph import Origin


class Macros:
    """All macros by name; ``nodes`` are their nodes in the graph, ``used`` those in use."""

    def __init__(self, definitions: Mapping[str, MacroDefinition], conditions: Conditions) -> None:
        self.nodes: dict[str, int] = {}
        self.used: set[str] = set()
        self.trees: dict[str, Node] = {}
        self.origins: dict[str, Origin] = {}
        self._definitions = definitions
        self._conditions = conditions

    def load(self) -> Iterator[Finding]:
        """Parse all macros and put them into the graph; gives what is wrong with them."""
        for name, macro in self._definitions.items():
            try:
                self.trees[name], self.origins[name] = self._conditions.parse(macro.condition)
            except RulesFault as fault:
                yield fault.finding
        if len(self.trees) < len(self._definitions):
            return
        for name in self._definitions:
            try:
                self._resolve(name)
            except RulesFault as fault:
                yield fault.finding

    def add(self, tree: Node, origin: Origin) -> int:
        """The node of a rule's tree, which sees all macros; raises RulesFault."""
        self.used.update(node.name for node in walk(tree) if isinstance(node, Macro))
        return self._conditions.add(tree, self.nodes, origin)

    def find(self, part: Part, tree: Node, origin: Origin) -> tuple[Part, Origin]:
        """Where an equal of a part is written: in the tree of a rule, else in a macro of it."""
        waiting: list[tuple[Node, Origin]] = [(tree, origin)]
        seen: set[str] = set()
        for tree, origin in waiting:
            for node in walk(tree):
                if node == part:
                    return node, origin
                if isinstance(node, Macro) and node.name not in seen:
                    seen.add(node.name)
                    waiting.append((self.trees[node.name], self.origins[node.name]))
        raise AssertionError(part)

    def _resolve(self, name: str) -> None:
        """Put a macro into the graph, after those that it uses; raises RulesFault."""
        path = {name: self._needs(name)}
        while path:
            current, waiting = next(reversed(path.items()))
            if current in self.nodes or not waiting:
                self._add(current)
                path.popitem()
                continue
            other = waiting.pop()
            if other in path:
                context = self._definitions[other].condition[0].context
                reason = f"reference loop in macro '{other}'"
                raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context)
            if other not in self.nodes:
                path[other] = self._needs(other)

    def _add(self, name: str) -> None:
        if name in self.nodes:
            return
        seen = {other: self.nodes[other] for other in self._needs(name)}
        self.used.update(seen)
        self.nodes[name] = self._conditions.add(self.trees[name], seen, self.origins[name])

    def _needs(self, name: str) -> list[str]:
        """The macros that a macro uses and sees.

        Each sees by its own place. Falco also refuses one that was defined again if, by way of a
        macro that comes after it, it reaches a third that it does not see; here that is no fault.
        """
        limit = self._definitions[name].visible_from
        used = (node.name for node in walk(self.trees[name]) if isinstance(node, Macro))
        known = self._definitions
        return [
            other for other in dict.fromkeys(used) if other in known and known[other].index < limit
        ]
