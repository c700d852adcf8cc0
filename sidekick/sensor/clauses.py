"""The algebra of clauses: what the kernel is asked where both of two conditions must hold, or one.

Every result is an over-approximation: it holds wherever the exact one would, or in more places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from itertools import product
from typing import Any

from sidekick.ebpf.filters import Clause, Paths

Clauses = tuple[Clause, ...]
"""One of them must hold; none: nothing can match."""

ALL = Clause()
TRUE: Clauses = (ALL,)
FALSE: Clauses = ()

_MOST = 8
"""Clauses of a node; beyond, some are joined into one that holds wherever they do."""


def both(left: Clauses, right: Clauses) -> Clauses:
    """Where a clause of either side holds."""
    if left == TRUE or right == FALSE:
        return right
    if right == TRUE or left == FALSE:
        return left
    if len(left) * len(right) > _MOST:
        if len(left) > len(right):
            left, right = right, left
        right = (reduce(join, right),)
    met = (meet(a, b) for a, b in product(left, right))
    return _distinct(clause for clause in met if clause is not None)


def either(left: Clauses, right: Clauses, most: int = _MOST) -> Clauses:
    """Where a clause of one side holds."""
    found = _distinct((*left, *right))
    if ALL in found:
        return TRUE
    while len(found) > most:
        found = _with_two_joined(found)
    return found


def _distinct(clauses: Iterable[Clause]) -> Clauses:
    found: list[Clause] = []
    for clause in clauses:
        if clause == ALL:
            return TRUE
        if clause not in found:
            found.append(clause)
    return tuple(found)


def _with_two_joined(clauses: Clauses) -> Clauses:
    """The first two that have something in common become one; if none have, everything is told."""
    for i, one in enumerate(clauses):
        for j in range(i + 1, len(clauses)):
            joined = join(one, clauses[j])
            if joined != ALL:
                return (joined, *clauses[:i], *clauses[i + 1 : j], *clauses[j + 1 :])
    return TRUE


def meet(a: Clause, b: Clause) -> Clause | None:
    """Holds where both do, or somewhat more; None if nothing can."""
    access = _narrowed(a.access, b.access)
    comms = _narrowed(a.comms, b.comms)
    values = {
        name: found
        for name in {**a.values, **b.values}
        if (found := _narrowed(a.values.get(name), b.values.get(name))) is not None
    }
    if (
        (a.failed is not None and b.failed is not None and a.failed != b.failed)
        or (
            a.in_container is not None
            and b.in_container is not None
            and a.in_container != b.in_container
        )
        or access == frozenset()
        or comms == frozenset()
        or any(not found for found in values.values())
    ):
        return None
    return replace(
        a,
        failed=b.failed if a.failed is None else a.failed,
        in_container=b.in_container if a.in_container is None else a.in_container,
        access=access,
        comms=comms,
        values=values,
        any_bits={**b.any_bits, **a.any_bits},
        not_comms=a.not_comms | b.not_comms,
        not_values=_both_of(a.not_values, b.not_values),
        dotted=a.dotted or b.dotted,
        paths=_narrower(a.paths, b.paths),
    )


def join(a: Clause, b: Clause) -> Clause:
    """Holds where one of both does, or somewhat more."""
    return Clause(
        failed=a.failed if a.failed == b.failed else None,
        in_container=a.in_container if a.in_container == b.in_container else None,
        access=_widened(a.access, b.access),
        comms=_widened(a.comms, b.comms),
        not_comms=a.not_comms & b.not_comms,
        values={n: a.values[n] | b.values[n] for n in a.values.keys() & b.values.keys()},
        not_values={
            name: left
            for name in a.not_values.keys() & b.not_values.keys()
            if (left := a.not_values[name] & b.not_values[name])
        },
        any_bits={n: a.any_bits[n] | b.any_bits[n] for n in a.any_bits.keys() & b.any_bits.keys()},
        dotted=a.dotted and b.dotted,
        paths=_wider(a.paths, b.paths),
    )


def _narrowed(a: frozenset[Any] | None, b: frozenset[Any] | None) -> frozenset[Any] | None:
    return b if a is None else a if b is None else a & b


def _widened(a: frozenset[Any] | None, b: frozenset[Any] | None) -> frozenset[Any] | None:
    return None if a is None or b is None else a | b


def _both_of(
    a: Mapping[str, frozenset[int]], b: Mapping[str, frozenset[int]]
) -> dict[str, frozenset[int]]:
    empty: frozenset[int] = frozenset()
    return {name: a.get(name, empty) | b.get(name, empty) for name in {**a, **b}}


def _narrower(a: Paths | None, b: Paths | None) -> Paths | None:
    """One of two tests of a path: that which fewer paths pass, as far as can be seen."""
    if a is None or b is None:
        return a or b
    return min(a, b, key=lambda paths: (len(paths.prefixes), len(paths.names), len(paths.exact)))


def _wider(a: Paths | None, b: Paths | None) -> Paths | None:
    if a is None or b is None or a.argument != b.argument:
        return None
    return Paths(a.exact | b.exact, a.prefixes | b.prefixes, a.names | b.names, a.argument)
