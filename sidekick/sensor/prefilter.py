"""What the kernel is asked before it tells of a call, derived from the rules' conditions.

Each condition becomes, for one type of event, a list of clauses of which one must hold: an
over-approximation, so whatever a rule can match is told. What cannot be asked of the kernel is
left out: ``and`` loses a part, ``or`` becomes true. ``not`` is pushed down to the checks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from sidekick.ebpf.calls import all_calls
from sidekick.ebpf.filters import MAX_CLAUSES, Paths
from sidekick.rules.ast import Check
from sidekick.rules.definitions import SYSCALL
from sidekick.rules.engine import Engine
from sidekick.rules.graph import Graph
from sidekick.sensor.check_clauses import of_check
from sidekick.sensor.clauses import ALL, Clauses, both, either


def conditions(engine: Engine) -> dict[str, list[int]]:
    """The conditions of the rules that an event of each system call may match."""
    types = engine.types(SYSCALL)
    return {
        name: [rule.node for rule in engine.rules if rule.source == SYSCALL and name in rule.types]
        for name in all_calls()
        if name in types
    }


def without(
    nodes: Mapping[str, list[int]], ignored: Collection[str]
) -> tuple[dict[str, list[int]], int]:
    """The same without some calls, and how many conditions then never hold."""
    kept = {name: roots for name, roots in nodes.items() if name not in ignored}
    left = {root for roots in kept.values() for root in roots}
    return kept, len({root for roots in nodes.values() for root in roots} - left)


def filters(graph: Graph, nodes: Mapping[str, Sequence[int]]) -> dict[str, Clauses]:
    """The clauses of each call: ``nodes`` are by call the conditions of the rules for it.

    A call for which all is to be told is left out.
    """
    found: dict[str, Clauses] = {}
    for call, roots in nodes.items():
        derive = Derivation(graph, call)
        clauses: Clauses = ()
        for root in roots:
            clauses = either(clauses, derive.clauses(root), MAX_CLAUSES)
        if ALL not in clauses:
            found[call] = clauses
    return found


def with_leads(found: Mapping[str, Clauses], lead: Callable[[str], str]) -> dict[str, Clauses]:
    """The same clauses for files whose given paths have links in them.

    The kernel compares where a path led to, and a rule may name the path that is given:
    ``/var/run/docker.sock`` is ``/run/docker.sock`` on most machines. ``lead`` says where a path
    leads on this one, with links or without; containers have the usual links, whatever it has.
    """
    return {
        call: tuple(
            replace(clause, paths=_led(clause.paths, (lead, _usual_lead)))
            if clause.paths
            else clause
            for clause in clauses
        )
        for call, clauses in found.items()
    }


_USUAL_LINKS = {
    "/bin": "/usr/bin",
    "/sbin": "/usr/sbin",
    "/lib": "/usr/lib",
    "/lib64": "/usr/lib64",
    "/var/lock": "/run/lock",
    "/var/run": "/run",
}


def _usual_lead(path: str) -> str:
    for link, target in _USUAL_LINKS.items():
        if path == link or path.startswith(f"{link}/"):
            return target + path.removeprefix(link)
    return path


def _led(paths: Paths, leads: Iterable[Callable[[str], str]]) -> Paths:
    if paths.argument:
        return paths
    exact, prefixes = set(paths.exact), set(paths.prefixes)
    for lead in leads:
        exact |= {lead(path) for path in paths.exact}
        prefixes |= {_led_prefix(path, lead) for path in paths.prefixes}
        # A prefix may be a whole path as well: a link itself.
        prefixes |= {lead(path) for path in paths.prefixes if path[-1:] != "/"}
    return replace(paths, exact=frozenset(exact), prefixes=frozenset(prefixes))


def _led_prefix(path: str, lead: Callable[[str], str]) -> str:
    """The last part of a prefix may be the beginning of a name."""
    above, _, rest = path.rpartition("/")
    return f"{lead(above).rstrip('/') if above else ''}/{rest}"


class Derivation:
    """Clauses of the nodes of a graph for one type of event."""

    def __init__(self, graph: Graph, type_: str) -> None:
        self._graph = graph
        self._type = type_
        self._known: dict[tuple[int, bool], Clauses] = {}

    def clauses(self, root: int, negated: bool = False) -> Clauses:
        """Those of a node, or of its negation."""
        for number in sorted(self._graph.inside([root])):
            for way in (False, True):
                if (number, way) not in self._known:
                    self._known[number, way] = self._of(number, way)
        return self._known[root, negated]

    def _of(self, number: int, negated: bool) -> Clauses:
        node = self._graph.nodes[number]
        if isinstance(node, Check):
            return of_check(node, self._type, negated)
        word, inside = node
        if word == "not":
            return self._known[inside[0], not negated]
        parts = [self._known[child, negated] for child in inside]
        if (word == "and") is not negated:
            return reduce(both, parts)
        return reduce(either, parts)
