"""Fills a template with data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sidekick.go_template.functions import Fault, called, truth
from sidekick.go_template.nodes import (
    Assign,
    Block,
    Call,
    Dot,
    Field,
    If,
    Leave,
    Literal,
    Node,
    Operand,
    Pipeline,
    Print,
    Range,
    Text,
    Variable,
)
from sidekick.go_template.printing import Whole, shown, text_of

__all__ = ["Evaluation", "Fault"]


class _Missing:
    """A field that a map has not got; so are its fields in turn."""

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()
_MAX_STEPS = 100_000
"""Rounds of all loops; a range over a number of the data has no other bound."""
_MAX_CHARACTERS = 1_000_000


class _Left(Exception):
    """A loop is left, or goes on with its next round."""

    def __init__(self, goes_on: bool) -> None:
        self.goes_on = goes_on


class Evaluation:
    """One filling; ``text`` is what came of it so far."""

    def __init__(self, data: Mapping[str, Any], fields: Collection[str] | None) -> None:
        self._data = data
        self._fields = fields
        self._parts: list[str] = []
        self._size = 0
        self._steps = 0
        self._scopes: list[dict[str, Any]] = [{"$": data}]

    @property
    def text(self) -> str:
        """What is written so far."""
        return "".join(self._parts)

    def walk(self, block: Block, dot: Any) -> None:
        """Write what these nodes give; raises ``Fault``."""
        self._scopes.append({})
        try:
            for node in block:
                self._node(node, dot)
        finally:
            self._scopes.pop()

    def _node(self, node: Node, dot: Any) -> None:
        if isinstance(node, Text):
            self._write(node.text)
        elif isinstance(node, Print):
            value = self._value(node.value, dot)
            self._write(text_of(None if value is MISSING else value))
        elif isinstance(node, Assign):
            self._assign(node, dot)
        elif isinstance(node, If):
            self._if(node, dot)
        elif isinstance(node, Range):
            self._range(node, dot)
        else:
            assert isinstance(node, Leave)
            raise _Left(node.goes_on)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > _MAX_CHARACTERS:
            raise Fault(f"the text is longer than {_MAX_CHARACTERS} characters")
        self._parts.append(text)

    def _assign(self, node: Assign, dot: Any) -> Any:
        value = self._value(node.value, dot)
        if node.declares:
            self._scopes[-1][node.name] = value
        else:
            self._set(node.name, value)
        return value

    def _set(self, name: str, value: Any) -> None:
        scope = next(scope for scope in reversed(self._scopes) if name in scope)
        scope[name] = value

    def _if(self, node: If, dot: Any) -> None:
        self._scopes.append({})
        try:
            found = node.condition
            value = self._assign(found, dot) if isinstance(found, Assign) else None
            value = value if isinstance(found, Assign) else self._value(found, dot)
            if truth(value):
                self.walk(node.body, value if node.sets_dot else dot)
            else:
                self.walk(node.otherwise, dot)
        finally:
            self._scopes.pop()

    def _range(self, node: Range, dot: Any) -> None:
        pairs = self._pairs(self._value(node.value, dot), len(node.names), node.place)
        some = False
        for index, element in pairs:
            some = True
            self._steps += 1
            if self._steps > _MAX_STEPS:
                raise Fault(f"{node.place}: more than {_MAX_STEPS} rounds")
            try:
                self._round(node, index, element)
            except _Left as left:
                if not left.goes_on:
                    break
        if not some:
            self.walk(node.otherwise, dot)

    def _round(self, node: Range, index: Any, element: Any) -> None:
        values = (element,) if len(node.names) == 1 else (index, element)
        self._scopes.append({})
        try:
            for name, value in zip(node.names, values, strict=False):
                if node.declares:
                    self._scopes[-1][name] = value
                else:
                    self._set(name, value)
            self.walk(node.body, element)
        finally:
            self._scopes.pop()

    def _pairs(self, value: Any, names: int, place: str) -> Iterable[tuple[Any, Any]]:
        if value is None or value is MISSING:
            return ()
        if isinstance(value, Mapping):
            return ((key, value[key]) for key in sorted(value, key=str))
        if isinstance(value, list | tuple):
            return ((Whole(n), element) for n, element in enumerate(value))
        if isinstance(value, int) and not isinstance(value, bool) and names < 2:
            return ((Whole(n), Whole(n)) for n in range(value))
        raise Fault(f"{place}: cannot range over {shown(value)}")

    def _value(self, operand: Operand, dot: Any) -> Any:
        if isinstance(operand, Pipeline):
            return self._pipeline(operand, dot)
        if isinstance(operand, Field):
            return self._field(operand, dot)
        if isinstance(operand, Call):
            return self._call(operand, dot)
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Dot):
            return dot
        assert isinstance(operand, Variable)
        return next(s[operand.name] for s in reversed(self._scopes) if operand.name in s)

    def _pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        first, *others = pipeline.commands
        value = self._value(first, dot)
        for command in others:
            assert isinstance(command, Call)
            value = self._call(command, dot, value)
        return value

    def _field(self, field: Field, dot: Any) -> Any:
        value = self._value(field.of, dot)
        if isinstance(value, Mapping):
            if value is self._data and self._fields is not None and field.name not in self._fields:
                raise Fault(f"{field.place}: there is no field .{field.name}")
            return value.get(field.name, MISSING)
        if value is MISSING:
            return MISSING
        raise Fault(f"{field.place}: {shown(value)[:40]} has no field .{field.name}")

    def _call(self, call: Call, dot: Any, *piped: Any) -> Any:
        if call.name in ("and", "or"):
            return self._short(call, dot, *piped)
        arguments = [*(self._value(argument, dot) for argument in call.arguments), *piped]
        try:
            return called(call.name, [None if one is MISSING else one for one in arguments])
        except Fault as fault:
            raise Fault(f"{call.place}: {fault}") from None

    def _short(self, call: Call, dot: Any, *piped: Any) -> Any:
        """``and``, ``or``: the first value that decides; those after it are not looked at."""
        if not call.arguments and not piped:
            raise Fault(f"{call.place}: {call.name}: wanted a value, found none")
        value = None
        for argument in call.arguments:
            value = self._value(argument, dot)
            if truth(value) == (call.name == "or"):
                return value
        return piped[0] if piped else value
