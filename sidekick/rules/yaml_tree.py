"""YAML as a tree of texts with their places: no type is guessed, no alias is copied.

Rule files have scalars only of text: ``yes``, ``1.0`` and ``0x10`` mean what the key that they
stand under makes of them. An alias is the node itself; what all aliases stand for is bounded, so
that whoever walks the tree does no more than a few times the work that the file is long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import yaml

from sidekick.errors import SidekickError

NODES_LIMIT = 2_000_000
DEPTH_LIMIT = 100
ALIASED_LIMIT = 4 * 1024 * 1024
"""Characters that all aliases of a file may stand for."""


class Mark(NamedTuple):
    """A place in a text; all three count from 0, as Falco prints them."""

    line: int = 0
    column: int = 0
    offset: int = 0


@dataclass(slots=True)
class Scalar:
    """A text; ``plain`` is false if it was quoted."""

    text: str
    mark: Mark
    plain: bool = True

    @property
    def null(self) -> bool:
        """Is it YAML's null?"""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True)
class Sequence:
    """Nodes in order."""

    mark: Mark
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Pairs in order; of a repeated key the first counts. Keys that are no text are left out."""

    mark: Mark
    pairs: dict[str, Node] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)


Node: TypeAlias = Scalar | Sequence | Mapping


class BadYaml(SidekickError):
    """The text is no YAML; ``reason`` has no place in it, ``mark`` is the place."""

    def __init__(self, reason: str, mark: Mark = Mark()) -> None:  # noqa: B008 (immutable)
        super().__init__(reason)
        self.reason = reason
        self.mark = mark


def documents(text: str) -> list[Node]:
    """The documents of a text that are not empty; raises BadYaml."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _Reader(iter(yaml.parse(text, Loader=loader))).read()
    except yaml.MarkedYAMLError as fault:
        place = fault.problem_mark or fault.context_mark
        mark = Mark(place.line, place.column, place.index) if place else Mark()
        reason = ", ".join(part for part in (fault.context, fault.problem) if part)
        raise BadYaml(reason, mark) from None
    except (yaml.YAMLError, UnicodeError) as fault:
        raise BadYaml(" ".join(str(fault).split())) from None


class _Reader:
    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}
        self._found: list[Node] = []
        # Of each open collection: its key in the one around it, its anchor, the weight before it.
        self._open: list[tuple[Sequence | Mapping, str | None, str | None, int]] = []
        self._key: Scalar | None = None
        self._count = 0
        self._weight = 0
        self._aliased = 0
        self._weights: dict[str, int] = {}

    def read(self) -> list[Node]:
        for event in self._events:
            match event:
                case yaml.ScalarEvent():
                    plain = event.style is None or event.style == ""
                    self._take(Scalar(event.value, _mark(event), plain), event.anchor)
                case yaml.SequenceStartEvent():
                    self._start(Sequence(_mark(event)), event)
                case yaml.MappingStartEvent():
                    self._start(Mapping(_mark(event)), event)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent():
                    self._anchors.clear()
                    self._weights.clear()
        return self._found

    def _alias(self, event: yaml.AliasEvent) -> None:
        node = self._anchors.get(event.anchor or "")
        if node is None or any(node is opened[0] for opened in self._open):
            raise BadYaml(f"undefined alias '{event.anchor}'", _mark(event))
        weight = self._weights[event.anchor or ""]
        self._weight += weight
        self._aliased += weight
        if self._aliased > ALIASED_LIMIT:
            reason = f"the aliases stand for more than {ALIASED_LIMIT} characters"
            raise BadYaml(reason, _mark(event))
        self._take(node, None)

    def _start(self, node: Sequence | Mapping, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            raise BadYaml(f"nested deeper than {DEPTH_LIMIT} levels", _mark(event))
        if event.anchor:
            self._anchors[event.anchor] = node
        key, self._key = self._key, None
        self._open.append((node, key.text if key else None, event.anchor, self._weight))
        if key:
            parent = self._open[-2][0]
            assert isinstance(parent, Mapping)
            parent.marks.setdefault(key.text, key.mark)

    def _end(self) -> None:
        node, key, anchor, weight = self._open.pop()
        if anchor:
            self._weights[anchor] = self._weight - weight + 1
        if key is not None:
            parent = self._open[-1][0]
            assert isinstance(parent, Mapping)
            parent.pairs.setdefault(key, node)
        else:
            self._place(node)

    def _take(self, node: Node, anchor: str | None) -> None:
        self._count += 1
        if self._count > NODES_LIMIT:
            raise BadYaml(f"more than {NODES_LIMIT} values", node.mark)
        self._weight += len(node.text) + 1 if isinstance(node, Scalar) else 1
        if anchor:
            self._anchors[anchor] = node
            self._weights[anchor] = len(node.text) + 1 if isinstance(node, Scalar) else 1
        self._place(node)

    def _place(self, node: Node) -> None:
        if not self._open:
            if not (isinstance(node, Scalar) and node.null):
                self._found.append(node)
            return
        parent = self._open[-1][0]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif self._key is None:
            # A key that is no text names nothing that we know; its value is dropped with it.
            self._key = node if isinstance(node, Scalar) else Scalar("?", node.mark)
        else:
            key, self._key = self._key, None
            parent.pairs.setdefault(key.text, node)
            parent.marks.setdefault(key.text, key.mark)


def _mark(event: yaml.Event) -> Mark:
    place = event.start_mark
    return Mark(place.line, place.column, place.index) if place else Mark()
