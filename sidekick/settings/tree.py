"""A YAML text as plain values, with the line and column of every key and value.

Built from the parser's events, because PyYAML's own composers recurse without a limit: 100,000
nested brackets end the process. Plain scalars follow YAML 1.2 (``yes``, ``0123``, ``22:00`` and
dates stay texts; the section that wants another type converts them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 100_000
"""Keys and values after the aliases are followed: the bound against alias bombs."""

Path = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STR_TAGS = (None, "!", "tag:yaml.org,2002:str")
_COLLECTION_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})")
_BASED = re.compile(r"0x[0-9a-fA-F]{1,16}|0o[0-7]{1,22}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column in the file, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as it was written; ``style`` is "" (plain), ``'``, ``"``, ``|`` or ``>``."""

    place: Place
    text: str
    style: str = ""
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    place: Place
    items: list[Node]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping, its pairs in the order of the file, duplicates and all."""

    place: Place
    pairs: list[tuple[Node, Node]]


Node = Scalar | Items | Pairs


class BadYaml(Exception):
    """The text is no YAML that we read: where and why."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


@dataclass
class Tree:
    """The values of a file by path: ``("sinks", "chat", "url")``; ``()`` is the whole."""

    value: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    scalars: dict[Path, Scalar] = field(default_factory=dict)
    faults: list[tuple[Place, str]] = field(default_factory=list)

    def near(self, path: Path) -> Place:
        """The place of the value at ``path`` or of the nearest thing around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))


def read(text: str) -> Tree:
    """The values of one YAML document; raises ``BadYaml`` when its shape cannot be known.

    Faults that leave the rest readable (a duplicate key, a tag) are in ``Tree.faults``.
    """
    tree = Tree()
    root = _compose(text)
    if root is not None:
        tree.value = _Flattening(tree).value(root, ())
    return tree


def _compose(text: str) -> Node | None:
    try:
        return _Composer().compose(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        reason = f"not valid YAML: {error.problem or error.context}"
        raise BadYaml(place, reason + _hint(text, place)) from None
    except yaml.reader.ReaderError as error:
        character: Any = error.character  # a number from the C reader, a text from the other one
        code = ord(character) if isinstance(character, str) else character
        reason = f"not valid YAML: the character #x{code:04x} is not allowed"
        raise BadYaml(_place_of(text, error.position), reason) from None
    except UnicodeEncodeError as error:
        raise BadYaml(_place_of(text, error.start), "not valid YAML: half a character") from None


def _hint(text: str, place: Place) -> str:
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: place.column]:
        return "; YAML is indented with blanks, and here is a tab"
    return '; between "{" and "}" a text with "${" in it needs quotes' if "${" in line else ""


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))


class _Composer:
    """Events to nodes, without recursion."""

    def __init__(self) -> None:
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[str | None, Place, bool, list[Node]]] = []
        self._root: Node | None = None
        self._count = 0

    def compose(self, events: Iterator[Any]) -> Node | None:
        documents = 0
        for event in events:
            place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise BadYaml(place, "wanted one YAML document, found a second one")
            else:
                self._take(event, place)
        return self._root

    def _take(self, event: Any, place: Place) -> None:
        if isinstance(event, yaml.ScalarEvent):
            tag = event.tag if event.tag or event.implicit[0] else "!"
            self._add(Scalar(place, event.value, event.style or "", tag), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._target(event.anchor, place), None)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._push(event, place)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._pop()

    def _target(self, anchor: str | None, place: Place) -> Node:
        node = self._anchors.get(anchor or "")
        if node is not None:
            return node
        inside = any(anchor == name for name, *_ in self._open)
        why = "stands inside what it names" if inside else "names no anchor before it"
        raise BadYaml(place, f'the alias "*{anchor}" {why}')

    def _push(self, event: Any, place: Place) -> None:
        if event.tag not in _COLLECTION_TAGS:
            raise BadYaml(place, f'wanted no YAML tag, found "{event.tag}"')
        if len(self._open) >= MAX_DEPTH:
            raise BadYaml(place, f"wanted at most {MAX_DEPTH} levels of nesting, found more")
        self._open.append((event.anchor, place, isinstance(event, yaml.MappingStartEvent), []))

    def _pop(self) -> None:
        anchor, place, mapping, nodes = self._open.pop()
        if mapping:
            pairs = list(zip(nodes[::2], nodes[1::2], strict=True))
            self._add(Pairs(place, pairs), anchor)
        else:
            self._add(Items(place, nodes), anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise BadYaml(node.place, f"wanted at most {MAX_VALUES} keys and values, found more")
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][3].append(node)
        else:
            self._root = node


class _Flattening:
    """Nodes to plain values and places; follows aliases within the bounds."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._count = 0

    def value(self, node: Node, path: Path) -> Any:
        self._bound(node, path)
        self._tree.values[path] = node.place
        if isinstance(node, Scalar):
            return self._scalar(node, path)
        if isinstance(node, Items):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.items)]
        return {key: self.value(item, (*path, key)) for key, item in self._pairs(node, path)}

    def _bound(self, node: Node, path: Path) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            reason = f"wanted at most {MAX_VALUES} keys and values, aliases followed, found more"
            raise BadYaml(node.place, reason)
        if len(path) > MAX_DEPTH:
            raise BadYaml(node.place, f"wanted at most {MAX_DEPTH} levels of nesting, found more")

    def _pairs(self, node: Pairs, path: Path) -> list[tuple[str, Node]]:
        """The pairs with distinct keys: those written here over those merged by ``<<``."""
        found: dict[str, Node] = {}
        merged: list[tuple[str, Node]] = []
        for key, value in node.pairs:
            self._bound(key, path)
            if not isinstance(key, Scalar):
                self._fault(key.place, "wanted a text as key, found a list or mapping")
            elif key.text == "<<" and not key.style:
                merged += self._merged(value, path)
            elif key.text in found:
                first = self._tree.keys[(*path, key.text)].line
                self._fault(key.place, f'the key "{key.text}" is here twice (line {first})')
            else:
                found[key.text] = value
                self._tree.keys[(*path, key.text)] = key.place
        for name, value in merged:
            if name not in found:
                found[name] = value
                self._tree.keys[(*path, name)] = value.place
        return list(found.items())

    def _merged(self, node: Node, path: Path) -> list[tuple[str, Node]]:
        sources = node.items if isinstance(node, Items) else [node]
        result: list[tuple[str, Node]] = []
        for source in sources:
            if isinstance(source, Pairs):
                result += self._pairs_apart(source, (*path, "<<"))
            else:
                self._fault(source.place, 'wanted a mapping after "<<", found something else')
        return result

    def _pairs_apart(self, node: Pairs, path: Path) -> list[tuple[str, Node]]:
        pairs = self._pairs(node, path)
        for name, _ in pairs:
            self._tree.keys.pop((*path, name), None)
        return pairs

    def _scalar(self, node: Scalar, path: Path) -> Any:
        self._tree.scalars[path] = node
        if node.tag not in _STR_TAGS:
            self._fault(node.place, f'wanted no YAML tag, found "{node.tag}"')
        if node.style or node.tag:
            return node.text
        return plain(node.text)

    def _fault(self, place: Place, reason: str) -> None:
        if (place, reason) not in self._tree.faults:
            self._tree.faults.append((place, reason))


def plain(text: str) -> Any:
    """The value of a scalar without quotes: None, bool, int, float or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
