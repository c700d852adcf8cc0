"""The algebra of clauses: what the kernel is asked where both of two conditions must hold, or one.

Every result is an over-approximation: it holds wherever the exact one would, or in more places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from itertools import combinations, product
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
    while len(left) * len(right) > _MOST:
        left, right = (left, _shorter(right)) if len(right) > len(left) else (_shorter(left), right)
    met = (meet(a, b) for a, b in product(left, right))
    return _united(clause for clause in met if clause is not None)


def either(left: Clauses, right: Clauses, most: int = _MOST) -> Clauses:
    """Where a clause of one side holds."""
    found = _united((*left, *right))
    while len(found) > most:
        found = _shorter(found)
    return found


def _united(clauses: Iterable[Clause]) -> Clauses:
    """The same, with as few clauses as say exactly the same."""
    found: list[Clause] = []
    for clause in clauses:
        place = 0
        while place < len(found):
            both_in_one = unite(found[place], clause)
            if both_in_one is None:
                place += 1
                continue
            # Wider than it was, it may take in others as well.
            del found[place]
            clause, place = both_in_one, 0
        found.append(clause)
    return TRUE if ALL in found else tuple(found)


def _shorter(clauses: Clauses) -> Clauses:
    """The two that lose least by it become one."""
    pairs = combinations(range(len(clauses)), 2)
    i, j = min(pairs, key=lambda pair: _loss(clauses[pair[0]], clauses[pair[1]]))
    rest = (clause for place, clause in enumerate(clauses) if place not in (i, j))
    return _united((*rest, join(clauses[i], clauses[j])))


_WORTH: Mapping[str, int] = {
    "paths": 64,
    "dotted": 64,
    "comms": 32,
    "values": 32,
    "any_bits": 16,
    "in_container": 16,
    "access": 8,
    "failed": 4,
    "not_values": 2,
    "not_comms": 2,
}
"""What a test is worth: the more, the fewer calls pass it."""


def _loss(a: Clause, b: Clause) -> int:
    """What two clauses lose if they become one: tests that one of them has not, or other."""
    return sum(
        1 if _keeps(name, one, other) else worth
        for name, worth in _WORTH.items()
        if (one := getattr(a, name)) != (other := getattr(b, name))
    )


def _keeps(name: str, one: Any, other: Any) -> bool:
    """Does a test stay one, though a wider one?"""
    if not one or not other or name in ("failed", "in_container"):
        return False
    if name == "paths":
        return bool(one.argument == other.argument)
    return not isinstance(one, Mapping) or bool(one.keys() & other.keys())


_NAMES = tuple(field.name for field in fields(Clause))


def unite(a: Clause, b: Clause) -> Clause | None:
    """What holds exactly where one of both does, if it is a clause as well."""
    differing = [name for name in _NAMES if getattr(a, name) != getattr(b, name)]
    if len(differing) > 1:
        return None
    name = differing[0] if differing else ""
    one, other = getattr(a, name, None), getattr(b, name, None)
    if name in ("networks", "not_networks"):
        return None
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        same_keys = one.keys() == other.keys()
        if not same_keys or sum(one[key] != other[key] for key in one) > 1:
            return None
    if isinstance(one, Paths) and isinstance(other, Paths) and one.argument != other.argument:
        return None
    return join(a, b)


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
