"""What two rule sets mean differently: rules that came, went, changed, or are tried elsewhere.

Conditions are compared with their macros and lists in place. The order of what ``and`` and ``or``
join, and of constants in a list, is no difference; neither is saying it twice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sidekick.rules.ast import Check, Field, Values
from sidekick.rules.graph import Graph
from sidekick.rules.printer import source
from sidekick.rules.ruleset import Rule, RuleSet

_MOST_JOINED = 1000
"""What joins more is compared as it is nested, so that long chains of macros take no square."""

_ORDERED = frozenset({"fd.net"})
"""Fields of which Falco compares the first constant only."""


@dataclass(frozen=True, slots=True)
class Change:
    """A rule of both sets; ``aspects`` are what differs, each as it was and as it is now."""

    old: Rule
    new: Rule
    aspects: Mapping[str, tuple[str, str]]
    condition: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Rules in their order; ``moved`` are those that others overtook, which matters where an event
    gives the alert of the first rule that matches."""

    added: list[Rule]
    removed: list[Rule]
    changed: list[Change]
    moved: list[Rule]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.moved)


def difference(old: RuleSet, new: RuleSet) -> Difference:
    """How the second set differs from the first; both must be ``ok``."""
    before = {rule.name: rule for rule in old.rules}
    after = {rule.name: rule for rule in new.rules}
    both = [(before[name], rule) for name, rule in after.items() if name in before]
    digests = _digests(old.graph), _digests(new.graph)
    changes = [_change(one, other, digests) for one, other in both]
    return Difference(
        [rule for name, rule in after.items() if name not in before],
        [rule for name, rule in before.items() if name not in after],
        [change for change in changes if change.condition or change.aspects],
        _moved(both),
    )


def _change(old: Rule, new: Rule, digests: tuple[list[bytes], list[bytes]]) -> Change:
    pairs = {
        "output": (old.output.text, new.output.text),
        "priority": (old.priority.label, new.priority.label),
        "source": (old.source, new.source),
        "tags": (", ".join(old.tags), ", ".join(new.tags)),
        "enabled": (_word(old.definition.enabled), _word(new.definition.enabled)),
    }
    aspects = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return Change(old, new, aspects, digests[0][old.node] != digests[1][new.node])


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _moved(both: Iterable[tuple[Rule, Rule]]) -> list[Rule]:
    """The fewest rules that can have moved: those outside the longest run that kept its order."""
    rules = list(both)
    ends: list[int] = []
    last: list[int] = []
    previous: list[int] = []
    for place, (old, _) in enumerate(rules):
        at = bisect_left(ends, old.index)
        previous.append(last[at - 1] if at else -1)
        ends[at : at + 1] = [old.index]
        last[at : at + 1] = [place]
    kept: set[int] = set()
    place = last[-1] if last else -1
    while place >= 0:
        kept.add(place)
        place = previous[place]
    return [new for place, (_, new) in enumerate(rules) if place not in kept]


def _digests(graph: Graph) -> list[bytes]:
    """A text of the same length for each node, equal for conditions that mean the same."""
    found: list[bytes] = []
    for key in graph.nodes:
        if isinstance(key, Check):
            text = source(_plain(key)).encode("utf-8", "surrogatepass")
            found.append(_digest(b"check", [text]))
            continue
        word, children = key
        if word == "not":
            found.append(_negated(graph, found, children[0]))
            continue
        inside = sorted({found[child] for child in _flat(graph, word, children)})
        found.append(inside[0] if len(inside) == 1 else _digest(word.encode(), inside))
    return found


def _negated(graph: Graph, found: list[bytes], child: int) -> bytes:
    key = graph.nodes[child]
    if not isinstance(key, Check) and key[0] == "not":
        return found[key[1][0]]
    return _digest(b"not", [found[child]])


def _flat(graph: Graph, word: str, children: tuple[int, ...]) -> Sequence[int]:
    """The children, where those of an ``and`` in an ``and`` are its own, and so for ``or``."""
    waiting, found = [*children], []
    while waiting:
        child = waiting.pop()
        key = graph.nodes[child]
        if isinstance(key, Check) or key[0] != word:
            found.append(child)
        else:
            waiting += key[1]
        if len(found) + len(waiting) > _MOST_JOINED:
            return children
    return found


def _plain(check: Check) -> Check:
    """The same check in one way of writing it."""
    right = check.right
    ordered = isinstance(check.left, Field) and check.left.name in _ORDERED
    if isinstance(right, Values) and not ordered:
        texts = right.texts if check.modifier == "oneof" else set(right.texts)
        right = Values(tuple(sorted(texts)))
    operator = "=" if check.operator == "==" else check.operator
    return Check(check.left, operator, right, check.modifier)


def _digest(word: bytes, parts: Iterable[bytes]) -> bytes:
    digest = blake2b(word, digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
