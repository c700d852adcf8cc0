"""Operands of checks as Python expressions over a record ``r``, with the type that they have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sidekick.rules import transformers
from sidekick.rules.ast import Field, Items, Literal, Operand, Transform
from sidekick.rules.fields import FieldRegistry, FieldType, Shape
from sidekick.rules.network import packed
from sidekick.rules.operators import Namespace, Refused


@dataclass(frozen=True, slots=True)
class Expression:
    """Code whose value is None for NULL. ``loose``: values may be of another type than ``type``.

    ``shape`` is ONE or LIST for whatever may stand in a transformer or on the right side.
    """

    code: str
    type: FieldType
    shape: Shape = Shape.ONE
    loose: bool = False


class Operands:
    """Compiles the operands of one condition and gathers the keys that it reads."""

    def __init__(self, fields: FieldRegistry, names: Namespace) -> None:
        self.keys: set[str] = set()
        self._fields = fields
        self._names = names

    def read(self, key: str) -> str:
        """The code that reads a value of the record, as a mark for ``Namespace.finish``."""
        self.keys.add(key)
        return self._names.read(key)

    def left(self, node: Operand) -> Expression:
        """What stands before an operator, unless it is a plain field."""
        return self._expression(node)

    def right(self, node: Operand) -> Expression:
        """``val(field)`` or a transformer after an operator; raises Refused, ConditionError."""
        if not (isinstance(node, Transform) and node.name == "val"):
            return self._expression(node)
        (field,) = node.arguments
        assert isinstance(field, Field)
        kind = self._fields.resolve(field).kind
        if not kind.right:
            raise Refused(f"field '{field.key}' cannot be used as a right-hand side field")
        return self.field(field)

    def raw(self, node: Field) -> Expression:
        """The value of a field as the record has it."""
        found = self._fields.resolve(node)
        return Expression(self.read(found.key), found.kind.type, found.shape, found.kind.loose)

    def field(self, node: Field) -> Expression:
        """The value of a field as it compares: addresses packed, priorities as their rank."""
        found = self._fields.resolve(node)
        code = self.read(found.key)
        if not found.kind.loose:
            code = comparable(code, found.kind.type, found.shape, self._names)
        return Expression(code, found.kind.type, found.shape, found.kind.loose)

    def _expression(self, node: Operand) -> Expression:
        # Transformers nest no deeper than the parser allows; sane ones do two or three levels.
        match node:
            case Field():
                if not self._fields.resolve(node).kind.transforms:
                    raise Refused(f"field '{node.key}' does not support transformers")
                return self.field(node)
            case Literal():
                type_ = FieldType.INT64 if node.number else FieldType.STRING
                return Expression(repr(node.text), type_)
            case Items():
                return self._items(node)
            case Transform():
                return self._transform(node)

    def _items(self, node: Items) -> Expression:
        items = [self._expression(item) for item in node.items]
        code = "(" + "".join(f"{item.code}, " for item in items) + ")"
        type_ = items[0].type if items else FieldType.STRING
        return Expression(code, type_, Shape.LIST, any(item.loose for item in items))

    def _transform(self, node: Transform) -> Expression:
        arguments = [self._expression(argument) for argument in node.arguments]
        if node.name not in ("join", "concat", "getopt") and len(arguments) != 1:
            raise Refused(f"'{node.name}' takes one argument, found {len(arguments)}")
        match node.name:
            case "join":
                return self._join(arguments)
            case "concat":
                return self._concat(arguments)
            case "getopt":
                return self._getopt(arguments, node.key)
        if node.key is not None:
            raise Refused(f"'{node.name}' takes no argument in brackets")
        (argument,) = arguments
        if node.name == "len":
            return self._length(argument)
        return self._of_text(node.name, argument)

    def _of_text(self, name: str, argument: Expression) -> Expression:
        allowed, function = _OF_TEXT[name]
        if name == "b64" and argument.type is FieldType.BYTES:
            function = transformers.decode_bytes
        _require_type(name, argument, allowed)
        if argument.shape is Shape.LIST:
            code = self._call(transformers.each(_tolerant(function)), argument)
            return Expression(code, argument.type, Shape.LIST)
        type_ = FieldType.STRING if argument.type is FieldType.DYNAMIC else argument.type
        return Expression(self._call(_tolerant(function), argument), type_)

    def _length(self, argument: Expression) -> Expression:
        if argument.shape is Shape.ONE:
            _require_type("len", argument, _TEXTS | {FieldType.BYTES})
        return Expression(self._call(_tolerant(transformers.length), argument), FieldType.UINT64)

    def _join(self, arguments: Sequence[Expression]) -> Expression:
        if len(arguments) != 2:
            raise Refused(f"'join' takes a separator and a list, found {len(arguments)} arguments")
        separator, values = arguments
        _require_type("join", separator, _TEXTS)
        if values.shape is not Shape.LIST and not values.loose:
            raise Refused("'join' takes a list as second argument")
        return Expression(self._call(_tolerant(transformers.join), *arguments), FieldType.STRING)

    def _concat(self, arguments: Sequence[Expression]) -> Expression:
        if len(arguments) < 2:
            raise Refused(f"'concat' takes two arguments at least, found {len(arguments)}")
        for argument in arguments:
            _require_type("concat", argument, _TEXTS)
        return Expression(self._call(_tolerant(transformers.concat), *arguments), FieldType.STRING)

    def _getopt(self, arguments: Sequence[Expression], option: str | None) -> Expression:
        if len(arguments) != 2 or option is None:
            raise Refused("'getopt' is written getopt(arguments, \"options\")[option]")
        _require_type("getopt", arguments[0], _TEXTS)
        _require_type("getopt", arguments[1], _TEXTS)
        chosen = Expression(repr(option), FieldType.STRING)
        code = self._call(_tolerant(transformers.getopt), *arguments, chosen)
        return Expression(code, FieldType.STRING)

    def _call(self, function: Callable[..., Any], *arguments: Expression) -> str:
        codes = ", ".join(argument.code for argument in arguments)
        return f"{self._names.bind(function)}({codes})"


def comparable(code: str, type_: FieldType, shape: Shape, names: Namespace) -> str:
    """The expression of a record's value in the form that constants of the type have."""
    convert = _CONVERT.get(type_)
    if convert is None:
        return code
    if shape is not Shape.ONE:
        convert = transformers.each(convert)
    return f"{names.bind(convert)}({code})"


_CONVERT: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.ADDRESS: packed,
    FieldType.NETWORK: packed,
    FieldType.PRIORITY: transformers.rank,
}
_TEXTS = frozenset({FieldType.STRING, FieldType.DYNAMIC})
_OF_TEXT: dict[str, tuple[frozenset[FieldType], Callable[..., Any]]] = {
    "tolower": (_TEXTS, transformers.lower),
    "toupper": (_TEXTS, transformers.upper),
    "basename": (_TEXTS, transformers.basename),
    "b64": (_TEXTS | {FieldType.BYTES}, transformers.decode_text),
}


def _require_type(name: str, argument: Expression, allowed: frozenset[FieldType]) -> None:
    if argument.type not in allowed:
        raise Refused(f"'{name}' does not take {argument.type.value}")


def _tolerant(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, NULL where an argument is NULL or of a type that it cannot take."""

    def transformed(*values: Any) -> Any:
        if None in values:
            return None
        try:
            return function(*values)
        except (TypeError, AttributeError):
            return None

    return transformed
