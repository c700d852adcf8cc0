"""What a condition may ask for: the names of fields, their types and their arguments."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from sidekick.errors import ConditionError
from sidekick.rules import ast


class FieldType(Enum):
    """The type of one value; in brackets, what a record holds for it.

    Integers compare as numbers, whatever their width; the width decides which constants fit.
    """

    INT8 = "an 8-bit integer"  # int
    INT16 = "a 16-bit integer"
    INT32 = "a 32-bit integer"
    INT64 = "an integer"
    UINT8 = "an unsigned 8-bit integer"
    UINT16 = "an unsigned 16-bit integer"
    UINT32 = "an unsigned 32-bit integer"
    UINT64 = "an unsigned integer"
    DOUBLE = "a number"  # float or int
    PORT = "a port"  # int
    RELTIME = "a duration in nanoseconds"  # int
    ABSTIME = "a time in nanoseconds"  # int
    BOOL = "a boolean"  # bool
    STRING = "a string"  # str
    BYTES = "a byte buffer"  # bytes
    ADDRESS = "an IP address"  # str in the usual notation, or 4 or 16 bytes
    NETWORK = "an IP network"  # an address, compared with networks
    PRIORITY = "a priority"  # Priority, or one of its names
    DYNAMIC = "of the type of its value"  # any JSON value

    @property
    def is_number(self) -> bool:
        """Does it compare as a number?"""
        return self in _NUMBERS


_NUMBERS = frozenset(
    {
        *(FieldType.INT8, FieldType.INT16, FieldType.INT32, FieldType.INT64),
        *(FieldType.UINT8, FieldType.UINT16, FieldType.UINT32, FieldType.UINT64),
        *(FieldType.DOUBLE, FieldType.PORT, FieldType.RELTIME, FieldType.ABSTIME),
    }
)


class Shape(Enum):
    """How many values a field has at a time, and what comparing it means then.

    ONE: a value, or None. LIST: ``in`` wants every value in the set, ``intersects`` one of them; an
    empty list is NULL. ANCESTORS: some value must satisfy the operator, ``!=`` too. EITHER: some
    value must, but ``!=`` must hold for all. All but ONE are lists or tuples in a record.
    """

    ONE = auto()
    LIST = auto()
    ANCESTORS = auto()
    EITHER = auto()


class Argument(Enum):
    """What may stand between the brackets of ``field[...]``."""

    NONE = "no argument"
    INDEX = "a number as argument"
    KEY = "an argument"


@dataclass(frozen=True, slots=True)
class FieldKind:
    """All that is known of a field.

    ``required``: it has no meaning without its argument. ``with_argument``: its shape when it has
    one. ``right``: it may stand in ``val()``. ``transforms``: transformers take it. ``operators``:
    the only ones it has, where not those of its type. ``loose``: records may hold values of another
    type than declared, which are then compared by their own. ``in_matches``: which constants after
    ``in`` count ("all", "first", "none": peculiarities of Falco that rules rely on). ``constants``:
    the only texts it may be compared with, where that is known. ``by_argument``: the key in a
    record is the argument alone.
    """

    type: FieldType
    shape: Shape = Shape.ONE
    argument: Argument = Argument.NONE
    required: bool = False
    with_argument: Shape | None = None
    right: bool = True
    transforms: bool = True
    operators: frozenset[str] | None = None
    loose: bool = False
    in_matches: str = "all"
    constants: frozenset[str] | None = None
    by_argument: bool = False

    @property
    def takes_argument(self) -> bool:
        """May brackets follow its name?"""
        return self.argument is not Argument.NONE

    def for_alerts(self) -> FieldKind:
        """The same field in an alert: what it holds came as JSON and from anywhere."""
        return replace(self, loose=True, in_matches="all", constants=None)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field of a condition: the key of its value in a record, and its kind and shape there."""

    key: str
    kind: FieldKind
    shape: Shape


@dataclass(frozen=True, slots=True)
class FieldRegistry:
    """The fields that conditions may use.

    ``kinds`` by name; ``prefixes`` name families such as ``evt.arg.``, whose rest is free;
    ``unknown`` is the kind of all other names, None to refuse them; names that start with one of
    ``closed`` are refused all the same.
    """

    kinds: Mapping[str, FieldKind]
    prefixes: Mapping[str, FieldKind]
    unknown: FieldKind | None = None
    closed: tuple[str, ...] = ()

    def kind(self, name: str) -> FieldKind | None:
        """The kind of a field by its name, None if there is none."""
        if found := self.kinds.get(name):
            return found
        for prefix, kind in self.prefixes.items():
            if name.startswith(prefix) and len(name) > len(prefix):
                return kind
        return None if name.startswith(self.closed) else self.unknown

    def resolve(self, field: ast.Field) -> Resolved:
        """What a field of a condition means; raises ConditionError at its place."""
        kind = self.kind(field.name)
        if kind is None:
            reason = f'nonexistent field "{field.name}"{self.suggestion(field.name)}'
            raise ConditionError(reason, *field.place)
        if fault := _argument_fault(field, kind):
            raise ConditionError(f'field "{field.name}" {fault}', *field.place)
        has_argument = field.argument is not None
        key = field.argument if kind.by_argument and has_argument else field.key
        shape = kind.with_argument if has_argument and kind.with_argument else kind.shape
        return Resolved(key or "", kind, shape)

    def extended(self, kinds: Mapping[str, FieldKind]) -> FieldRegistry:
        """A registry that has these fields as well, such as those of a plugin."""
        return replace(self, kinds={**self.kinds, **kinds})

    def suggestion(self, name: str) -> str:
        """ "; did you mean ...?" if there is a field of a similar name, else ""."""
        near = difflib.get_close_matches(name[:80], self.kinds, 1, 0.75)
        return f'; did you mean "{near[0]}"?' if near else ""


def _argument_fault(field: ast.Field, kind: FieldKind) -> str:
    if field.argument is None:
        return f"needs {kind.argument.value}, as in {field.name}[...]" if kind.required else ""
    if kind.argument is Argument.NONE and kind.type is not FieldType.DYNAMIC:
        return f'takes no argument, found "[{field.argument[:60]}]"'
    if kind.argument is Argument.INDEX and not _is_index(field.argument):
        return f'takes a number from 0 on as argument, found "{field.argument[:60]}"'
    return ""


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
