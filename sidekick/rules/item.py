"""One item of a rule file while it is read: its values, its place, and what it overrides."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from itertools import islice

from sidekick.rules.collect import Collector
from sidekick.rules.definitions import Piece, Written
from sidekick.rules.findings import MOST_WARNINGS, Code, Context, FileResult, RulesFault
from sidekick.rules.values import Values, kind_of
from sidekick.rules.yaml_tree import Mapping, Node, Scalar

APPEND_IS_OLD = (
    "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under "
    "'override' instead."
)
_BOTH = (
    "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. "
    "'condition: append') under 'override' instead."
)
APPENDABLE = frozenset({"condition", "output", "desc", "tags", "exceptions"})
REPLACEABLE = APPENDABLE | {
    *("priority", "enabled", "capture", "capture_duration", "warn_evttypes"),
    "skip-if-unknown-filter",
}
_KEYS = {
    "list": frozenset({"list", "items", "append", "override"}),
    "macro": frozenset({"macro", "condition", "append", "override"}),
    "rule": REPLACEABLE | {"rule", "source", "append", "override"},
}


class Item:
    """A mapping of a rule file. ``context`` is where faults are; it gets the item's name."""

    def __init__(
        self, node: Mapping, whole: Context, collector: Collector, result: FileResult
    ) -> None:
        self.node = node
        self.whole = whole
        self.collector = collector
        self.values = Values(node, whole.inside(node.mark, "rules content item"))
        self._result = result

    @property
    def context(self) -> Context:
        """Where faults of the item as a whole are."""
        return self.values.context

    def warn(self, code: Code, message: str, context: Context | None = None) -> None:
        """Report a warning, about the item as a whole if no other place is given."""
        self._result.warn(code, message, context or self.context)

    def keys(self, among: Collection[str]) -> set[str]:
        """Those of some keys that the item has."""
        return {key for key in among if key in self.node.pairs}

    def named(self, kind: str) -> str:
        """The item's name, which its context has from now on."""
        self.values.context = self.whole.inside(self.node.mark, kind)
        name = self.values.text(kind)
        self.values.context = self.whole.inside(self.node.mark, kind, name)
        self.warn_of_unknown(self.node, _KEYS[kind], self.context)
        return name

    def warn_of_unknown(self, node: Mapping, known: Collection[str], context: Context) -> None:
        """Warn of keys of a mapping that mean nothing."""
        for key in islice((key for key in node.pairs if key not in known), MOST_WARNINGS):
            place = context.inside(node.marks.get(key, node.mark), "value for", key[:80])
            reason = f"Unknown key '{key[:80]}' is ignored{_hint(key, known)}"
            self.warn(Code.LOAD_UNKNOWN_KEY, reason, place)

    def written(self, key: str, kind: str) -> Written:
        """The text under a key, which must be there."""
        return [Piece(self.values.text(key), self.values.place(key, kind))]

    def appends_the_old_way(self) -> bool:
        """Has it ``append: true``?"""
        old = self.values.optional_flag("append")
        if old:
            self.warn(Code.LOAD_DEPRECATED_ITEM, APPEND_IS_OLD)
        return old

    def appends(self, key: str) -> bool:
        """Is this more of a list or a macro, the old way or the new?"""
        old = self.appends_the_old_way()
        more = self.overrides({key}, {key}, old)[0]
        return old or bool(more)

    def overrides(
        self, appendable: Collection[str], replaceable: Collection[str], old: bool
    ) -> tuple[set[str], set[str]]:
        """The keys that ``override`` appends and those that it replaces; raises RulesFault."""
        found: dict[str, set[str]] = {"append": set(), "replace": set()}
        node = self.node.pairs.get("override")
        context = self.context.inside(self.node.mark, "overrides")
        if isinstance(node, Scalar) and not node.null:
            reason = f"'override: {node.text[:40]}' is ignored: wanted a mapping such as"
            self.warn(Code.LOAD_UNKNOWN_KEY, f"{reason} 'condition: append' under it", context)
        elif node is not None and not isinstance(node, Scalar | Mapping):
            reason = f"Wanted a mapping of keys to 'append' or 'replace', found {kind_of(node)}"
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
        elif isinstance(node, Mapping):
            allowed = {"append": appendable, "replace": replaceable}
            for key, value in node.pairs.items():
                found[_operation(node, key, value, allowed, context)].add(key)
        if old and (found["append"] or found["replace"]):
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, _BOTH, self.context)
        return found["append"], found["replace"]


def _operation(
    node: Mapping, key: str, value: Node, allowed: dict[str, Collection[str]], context: Context
) -> str:
    operation = value.text if isinstance(value, Scalar) else kind_of(value)
    if operation not in allowed:
        known = " ".join(name for name, keys in allowed.items() if key in keys)
        reason = (
            f"Invalid override operation for key '{key[:80]}': '{operation[:40]}'. "
            f"Allowed values are: {known or 'none, as it cannot be overridden'}"
        )
        place = context.inside(value.mark, "value for", key)
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, place)
    if key not in allowed[operation]:
        reason = (
            f"Key '{key[:80]}' cannot be appended to, use 'replace' instead"
            if operation == "append"
            else f"Key '{key[:80]}' cannot be replaced{_hint(key, allowed[operation])}"
        )
        place = context.inside(node.marks[key], "overrides", key)
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, place)
    return operation


def _hint(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key[:80], known, 1, 0.7)
    return f"; did you mean '{near[0]}'?" if near else ""
