"""The values of one mapping of a rule file, converted on demand; every fault has its place."""

from __future__ import annotations

from sidekick.rules.definitions import Entry
from sidekick.rules.findings import Code, Context, RulesFault
from sidekick.rules.yaml_tree import Mapping, Node, Scalar, Sequence

_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})
"""In lower case, in upper case, or with a capital first."""
ENTRY_DEPTH = 8
ITEMS_LIMIT = 1_000_000


class Values:
    """Reads keys of ``node``; ``context`` is where faults are."""

    def __init__(self, node: Mapping, context: Context) -> None:
        self.node = node
        self.context = context
        self._count = 0

    def text(self, key: str) -> str:
        """A text that must be there and not be empty."""
        node = self.node.pairs.get(key)
        if node is None:
            raise self._fault(f"Item has no mapping for key '{key}'", self.context)
        if isinstance(node, Scalar) and node.null:
            raise self._fault(f"Mapping for key '{key}' is empty", self.context)
        context = self.place(key, "value for", key)
        if not isinstance(node, Scalar):
            raise self._fault("Value is not a scalar value", context)
        if not node.text:
            raise self._fault("Value must be non-empty", context)
        return node.text

    def optional_text(self, key: str) -> str:
        """A text; "" if it is not there."""
        return self.text(key) if key in self.node.pairs else ""

    def flag(self, key: str) -> bool:
        """A boolean as YAML 1.1 writes it."""
        text = self.text(key)
        if text in (text.lower(), text.upper(), text.capitalize()):
            if text.lower() in _TRUE:
                return True
            if text.lower() in _FALSE:
                return False
        reason = f"Can't decode YAML scalar value: wanted true or false, found '{text[:40]}'"
        raise self._fault(reason, self.place(key, "value for", key))

    def optional_flag(self, key: str, default: bool = False) -> bool:
        """A boolean; the default if it is not there."""
        return self.flag(key) if key in self.node.pairs else default

    def count(self, key: str) -> int:
        """A number from 0 on."""
        text = self.text(key)
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            reason = f"Can't decode YAML scalar value: wanted a number, found '{text[:40]}'"
            raise self._fault(reason, self.place(key, "value for", key))
        return int(text)

    def optional_count(self, key: str) -> int:
        """A number; 0 if it is not there."""
        return self.count(key) if key in self.node.pairs else 0

    def texts(self, key: str, *, optional: bool = False) -> list[str]:
        """A sequence of texts."""
        node = self.node.pairs.get(key)
        if node is None:
            if optional:
                return []
            raise self._fault(f"Item has no mapping for key '{key}'", self.context)
        context = self.place(key, "value for", key)
        if not isinstance(node, Sequence):
            raise self._fault("Value is not a sequence", context)
        found = []
        for item in node.items:
            if not isinstance(item, Scalar) or item.null:
                place = context.inside(item.mark, "list item")
                raise self._fault("sequence value is not scalar", place)
            found.append(item.text)
        return found

    def entry(self, key: str) -> Entry | None:
        """A text or nested sequences of texts; None if it is not there, or null."""
        node = self.node.pairs.get(key)
        if node is None or (isinstance(node, Scalar) and node.null):
            return None
        return self.entry_of(node, self.place(key, "value for", key))

    def entry_of(self, node: Node, context: Context, depth: int = 0) -> Entry:
        """The same of a node. Bounded, because an alias may repeat what is huge."""
        self._count += 1
        if depth > ENTRY_DEPTH or self._count > ITEMS_LIMIT:
            raise self._fault("too many or too deeply nested values", context)
        match node:
            case Scalar():
                if not node.text:
                    raise self._fault("Value must be non-empty", context)
                return node.text
            case Sequence():
                return [
                    self.entry_of(item, context.inside(item.mark, "exception"), depth + 1)
                    for item in node.items
                ]
            case Mapping():
                raise self._fault("wanted a text or a sequence, found a mapping", context)

    def place(self, key: str, kind: str, item: str = "") -> Context:
        """Where the value of a key is."""
        return self.context.inside(self.node.pairs[key].mark, kind, item)

    def _fault(self, reason: str, context: Context) -> RulesFault:
        return RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)


def kind_of(node: Node) -> str:
    """What a node is, for a message."""
    match node:
        case Scalar():
            return f"'{node.text[:40]}'"
        case Sequence():
            return "a sequence"
        case Mapping():
            return "a mapping"
