"""One straight function for all rules that an event of one type can match.

What is known beforehand is decided when the function is made: with the type, ``evt.type in (open,
openat)`` is true or false, and whole macros vanish with it. What several rules ask is asked once an
event: a shared condition is kept in a local variable from its first use on, and so are fields.

    def match(r):
        m4 = None
        m1 = <an open for reading>            # the first thing that a rule asks is asked anyhow
        while m1:                             # rule 0; "break" leaves it
            if m4 is None:
                m4 = <a macro of several rules>
            if not m4: break
            return (0,)
        return ()
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sidekick.rules.ast import Check, Field, Value, Values
from sidekick.rules.fields import FieldType
from sidekick.rules.graph import Graph
from sidekick.rules.operators import MARK, Namespace, predicate

Match = Callable[[Mapping[str, Any]], Sequence[int]]

TYPE = "evt.type"

_DEPTH = 30
"""Python takes about a hundred levels of parentheses; deeper conditions get variables inside."""

_LOOPS = 8
"""Python nests at most 20 loops."""

_SHARED_COST = 2
"""From so many checks on, a condition that is used twice is kept in a variable."""


def make_matcher(
    graph: Graph,
    codes: Mapping[int, str],
    names: Namespace,
    roots: Sequence[tuple[int, int]],
    known: Mapping[str, str],
    *,
    every: bool,
) -> Match:
    """The function for events with the same ``known`` fields: texts, ``evt.type`` among them.

    ``codes`` is the code of each check; ``roots`` are the numbers of rules, in the order in which
    they are tried, each with its node. The function takes a record, and gives the numbers of the
    rules that match: of the first one, or with ``every`` of all.
    """
    plan = _Plan(graph, known, [node for _, node in roots])
    writer = _Writer(plan, codes, names, known, every)
    for rule, node in roots:
        if plan.constant[node] is not False:
            writer.rule(rule, plan.same[node])
    scope: dict[str, Any] = names
    exec(compile(writer.text(), f"<rules for {known.get(TYPE)}>", "exec"), scope)
    found: Match = scope.pop("match")
    return found


class _Plan:
    """The graph without what is constant for events with known fields."""

    def __init__(self, graph: Graph, known: Mapping[str, str], roots: Sequence[int]) -> None:
        self.constant: dict[int, bool | None] = {}
        self.same: dict[int, int] = {}
        """The node that a node is equal to."""
        self.children: dict[int, tuple[int, ...]] = {}
        self.depth: dict[int, int] = {}
        self.cost: dict[int, int] = {}
        self.uses: Counter[int] = Counter()
        self.words: dict[int, str] = {}
        for number in sorted(graph.inside(roots)):
            self._add(number, graph.nodes[number], known)
        self._count(roots)

    def _add(self, number: int, key: Any, known: Mapping[str, str]) -> None:
        self.same[number] = number
        self.children[number] = ()
        self.depth[number] = 0
        self.cost[number] = 1
        self.constant[number] = None
        if isinstance(key, Check):
            self.constant[number] = _constant(key, known)
            return
        word, inside = key
        if word == "not":
            (child,) = inside
            if self.constant[child] is not None:
                self.constant[number] = not self.constant[child]
                return
            inside = (self.same[child],)
            if self.words.get(inside[0]) == "not":
                self.same[number] = self.children[inside[0]][0]
                return
        else:
            decides = word == "or"
            values = [self.constant[child] for child in inside]
            if decides in values:
                self.constant[number] = decides
                return
            inside = tuple(dict.fromkeys(self.same[c] for c in inside if self.constant[c] is None))
            if not inside:
                self.constant[number] = not decides
                return
            if len(inside) == 1:
                self.same[number] = inside[0]
                return
        self.words[number] = word
        self.children[number] = inside
        self.depth[number] = 1 + max(self.depth[child] for child in inside)
        self.cost[number] = min(sum(self.cost[child] for child in inside), 1000)

    def _count(self, roots: Sequence[int]) -> None:
        stack = [self.same[root] for root in roots if self.constant[root] is None]
        while stack:
            number = stack.pop()
            self.uses[number] += 1
            if self.uses[number] == 1:
                stack.extend(self.children[number])


def _constant(check: Check, known: Mapping[str, str]) -> bool | None:
    """What a check is for every event with the known fields; None if that differs."""
    if not isinstance(check.left, Field) or (value := known.get(check.left.key)) is None:
        return None
    match check.right:
        case None:
            return True
        case Value(text=text):
            texts: Sequence[str] = (text,)
        case Values(texts=texts):
            pass
        case _:
            return None
    return predicate(FieldType.STRING, check.operator, check.modifier, texts)(value)


class _Writer:
    def __init__(
        self,
        plan: _Plan,
        codes: Mapping[int, str],
        names: Namespace,
        known: Mapping[str, str],
        every: bool,
    ) -> None:
        self._plan = plan
        self._codes = codes
        self._names = names
        self._every = every
        self._lines: list[str] = []
        self._known: set[int] = set()
        """Nodes whose variable has been set, whatever way led here."""
        self._lazy: dict[int, None] = {}
        """Nodes whose variable may be None still."""
        self._fields = {n: repr(known[k]) for n, k in enumerate(names.read_keys) if k in known}
        """The code of fields that need not be read from the record (again)."""
        self._reads = _reads(plan, codes)
        self._simple = {number: self._is_simple(number) for number in sorted(plan.uses)}

    def text(self) -> str:
        """The code of the function."""
        start = ["def match(r):"]
        if self._every:
            start.append(" found = []")
        if lazy := [f"m{number}" for number in self._lazy]:
            start.append(f" {' = '.join(lazy)} = None")
        end = " return found" if self._every else " return ()"
        return "\n".join([*start, *self._lines, end, ""])

    def rule(self, rule: int, node: int) -> None:
        """Add a rule."""
        hit = f"found.append({rule})" if self._every else f"return ({rule},)"
        if self._plan.constant[node]:
            self._line(1, hit)
            return
        self._load_fields(node)
        parts = self._conjuncts(node)
        first = self._value(parts[0], 1, 0, sure=True)
        self._line(1, f"while {first}:")
        self._steps(parts[1:], 2, 1, "if not {}: break", " and ", sure=False)
        self._line(2, hit)
        if self._every:
            self._line(2, "break")

    # -- which nodes have variables ----------------------------------------------------------

    def _is_shared(self, number: int) -> bool:
        plan = self._plan
        return plan.uses[number] > 1 and plan.cost[number] >= _SHARED_COST

    def _has_variable(self, number: int) -> bool:
        depth = self._plan.depth[number]
        return self._is_shared(number) or (depth > 0 and depth % _DEPTH == 0)

    def _is_simple(self, number: int) -> bool:
        """Is the node one expression, with no variable inside?"""
        stack = list(self._plan.children[number])
        while stack:
            child = stack.pop()
            if self._has_variable(child):
                return False
            stack.extend(self._plan.children[child])
        return True

    def _conjuncts(self, node: int) -> list[int]:
        """What all must hold for a node, left to right; what is shared stays whole."""
        found: list[int] = []
        stack = [node]
        while stack:
            number = stack.pop()
            if self._plan.words.get(number) == "and" and not self._is_shared(number):
                stack.extend(reversed(self._plan.children[number]))
            else:
                found.append(number)
        return found

    # -- statements --------------------------------------------------------------------------

    def _line(self, indent: int, text: str) -> None:
        self._lines.append(" " * indent + text)

    def _value(self, number: int, indent: int, loops: int, *, sure: bool) -> str:
        """The expression of a node, after the statements that set the variables in it."""
        variable = f"m{number}"
        if number in self._known:
            return variable
        if not self._has_variable(number):
            if self._simple[number]:
                return self._expression(number)
        elif sure:
            self._known.add(number)
        else:
            self._lazy[number] = None
            self._line(indent, f"if {variable} is None:")
            indent += 1
        self._set(number, indent, loops, sure=sure)
        return variable

    def _set(self, number: int, indent: int, loops: int, *, sure: bool) -> None:
        """Statements that set a node's variable."""
        variable, word = f"m{number}", self._plan.words.get(number)
        if not self._simple[number] and loops >= _LOOPS:
            self._set_flat(number, indent)
        elif self._simple[number]:
            self._line(indent, f"{variable} = {self._expression(number)}")
        elif word == "not":
            (child,) = self._plan.children[number]
            self._line(indent, f"{variable} = not {self._value(child, indent, loops, sure=sure)}")
        else:
            decided, test, glue = (
                ("False", "if not {}: break", " and ")
                if word == "and"
                else ("True", "if {}: break", " or ")
            )
            self._line(indent, f"{variable} = {decided}")
            self._line(indent, "while True:")
            children = self._plan.children[number]
            self._steps(children, indent + 1, loops + 1, test, glue, sure=sure)
            self._line(indent + 1, f"{variable} = {'True' if decided == 'False' else 'False'}")
            self._line(indent + 1, "break")

    def _steps(
        self,
        parts: Sequence[int],
        indent: int,
        loops: int,
        test: str,
        glue: str,
        *,
        sure: bool,
    ) -> None:
        """A test for each part; neighbours that are expressions share one."""
        together: list[str] = []
        for part in parts:
            if part not in self._known and not (
                self._simple[part] and not self._has_variable(part)
            ):
                self._test(together, indent, test, glue)
                together = [self._value(part, indent, loops, sure=sure)]
            else:
                together.append(self._value(part, indent, loops, sure=sure))
            sure = False
        self._test(together, indent, test, glue)

    def _test(self, together: list[str], indent: int, test: str, glue: str) -> None:
        if together:
            code = together[0] if len(together) == 1 else f"({glue.join(together)})"
            self._line(indent, test.format(code))

    def _set_flat(self, root: int, indent: int) -> None:
        """The same without loops, for what is nested too deep for them."""
        order: list[int] = []
        seen: set[int] = set()
        stack = [(root, False)]
        while stack:
            number, done = stack.pop()
            if done:
                order.append(number)
            elif number not in seen and (number == root or number not in self._known):
                seen.add(number)
                stack.append((number, True))
                stack.extend((child, False) for child in self._plan.children[number])
        for number in order:
            if number == root:
                self._line(indent, f"m{number} = {self._expression(number)}")
            elif self._has_variable(number):
                self._lazy[number] = None
                code = self._expression(number)
                self._line(indent, f"if m{number} is None: m{number} = {code}")

    # -- expressions -------------------------------------------------------------------------

    def _expression(self, number: int) -> str:
        """A node as an expression, in which the nodes that have variables are those."""
        children = self._plan.children[number]
        if not children:
            return self._names.finish(self._codes[number], self._fields)
        codes = [
            f"m{child}" if self._has_variable(child) else self._expression(child)
            for child in children
        ]
        word = self._plan.words[number]
        return f"(not {codes[0]})" if word == "not" else f"({f' {word} '.join(codes)})"

    def _load_fields(self, number: int) -> None:
        """Keep the fields in variables that are read now anyhow, and later again."""
        while (children := self._plan.children[number]) and number not in self._known:
            number = children[0]
        if number in self._known:
            return
        for key in _keys(self._codes[number]):
            if key not in self._fields and self._reads[key] > 2:
                self._fields[key] = f"f{key}"
                self._line(1, f"f{key} = r[{self._names.read_keys[key]!r}]")


def _reads(plan: _Plan, codes: Mapping[int, str]) -> Counter[int]:
    """How often each field is read by the checks that are left."""
    found: Counter[int] = Counter()
    for number in plan.uses:
        if not plan.children[number]:
            found.update(_keys(codes[number]))
    return found


def _keys(code: str) -> list[int]:
    return [int(mark[1]) for mark in MARK.finditer(code)]
