"""Conditions: from text to syntax tree, accepting and refusing what Falco does.

    Or    ::= And ("or" (BLANK And | "(" Or ")"))*
    And   ::= Not ("and" (BLANK Not | "(" Or ")"))*
    Not   ::= ("not" SPACE)* ("not(" Or ")" | "(" Or ")" | Check | Macro)
    Check ::= Operand ("exists" | operator value)

Nesting is counted in parentheses and transformers; the parser keeps its own stack.
"""

from __future__ import annotations

import difflib
import re

from sidekick.errors import ConditionError
from sidekick.rules import lexer
from sidekick.rules.ast import (
    And,
    Check,
    Field,
    Items,
    Literal,
    Macro,
    Node,
    Not,
    Operand,
    Or,
    Place,
    Transform,
    Value,
    Values,
)
from sidekick.rules.lexer import Lexer

DEPTH_LIMIT = 1000
"""How deep parentheses and transformers may nest."""

_CALLS_LIMIT = 50
"""How deep transformers may nest in each other; two or three levels are what anybody writes."""

NUMBER_OPERATORS = ("<=", "<", ">=", ">")
TEXT_OPERATORS = (
    *("==", "=", "!=", "glob", "iglob", "contains", "icontains", "bcontains"),
    *("startswith", "bstartswith", "endswith", "regex"),
)
LIST_OPERATORS = ("intersects", "in", "pmatch")
OPERATORS = ("exists", *NUMBER_OPERATORS, *TEXT_OPERATORS, *LIST_OPERATORS)
MODIFIERS = ("oneof", "anyof", "allof")
TRANSFORMERS = ("tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt")

# The one extension of Falco's grammar: these fields are ordered by the rank of a word, so
# ``alert.priority >= warning`` is no error. No field of Falco has such a name.
_ORDERED_BY_WORD = frozenset({"alert.priority"})
_NAMES = ", ".join(map(repr, TRANSFORMERS))
_OPENING = re.compile(r"\(")
_LIST_START = re.compile(r"\(|(?!(?:and|or)\b)[a-zA-Z]")
_OR_FIELD = f"a field with a valid transformer: 'val', {_NAMES}"


def parse(text: str, *, depth_limit: int = DEPTH_LIMIT) -> Node:
    """The tree of a condition; raises ConditionError where it is not one."""
    return _Parser(text, depth_limit).parse()


class _Level:
    """One level of parentheses that is still open, and what was read in it."""

    __slots__ = ("after_or", "ands", "negated", "not_place", "ors", "place")

    def __init__(self, place: Place, negated: bool, not_place: Place, after_or: bool) -> None:
        self.place = place
        self.negated = negated
        self.not_place = not_place
        # In "a or(b)" the group is a whole operand of the ``or``: no ``and`` may follow it.
        self.after_or = after_or
        self.ors: list[Node] = []
        self.ands: list[Node] = []


class _Call:
    """A transformer, or a list among its arguments (no name), that is still open."""

    __slots__ = ("arguments", "name", "place")

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        self.place = place
        self.arguments: list[Operand] = []


class _Parser:
    def __init__(self, text: str, depth_limit: int) -> None:
        self.lexer = Lexer(text)
        self.depth_limit = depth_limit
        self.levels: list[_Level] = []
        self.root: Node | None = None

    def parse(self) -> Node:
        if not self.lexer.text:
            raise self.lexer.fault("filter input string is empty")
        self._open(False, Place(1, 1))
        while self.root is None:
            node = self._operand()
            if node is not None:
                self._take_in(node)
        if not self.lexer.done:
            token = shorten(self.lexer.token)
            raise self.lexer.fault(f"unexpected token after '{token}', expecting 'or', 'and'")
        return self.root

    def _open(self, negated: bool, not_place: Place, after_or: bool = False) -> None:
        if len(self.levels) > self.depth_limit:
            raise self._too_deep(self.depth_limit)
        self.lexer.blank()
        self.levels.append(_Level(self.lexer.place(), negated, not_place, after_or))

    def _too_deep(self, limit: int) -> ConditionError:
        return self.lexer.fault(f"exceeded max depth limit of {limit}")

    def _operand(self) -> Node | None:
        """The next operand of an ``and``, or None where a parenthesis was opened instead."""
        lex = self.lexer
        lex.blank()
        place, negated = lex.place(), False
        while lex.match(lexer.NOT):
            negated = not negated
        if lex.take("not("):
            self._open(not negated, place)
            return None
        lex.blank()
        if lex.take("("):
            self._open(negated, place)
            return None
        leaf = self._leaf()
        return Not(leaf, place) if negated else leaf

    def _take_in(self, node: Node) -> None:
        """Add a finished operand, and finish every ``and``, ``or`` and parenthesis that ends here.

        At the end of the outermost level the root is set; else another operand must follow.
        """
        whole = False
        while True:
            level = self.levels[-1]
            if not whole:
                level.ands.append(node)
                if self._continues("and"):
                    return
                node = And(tuple(level.ands), level.place) if len(level.ands) > 1 else node
                level.ands.clear()
            level.ors.append(node)
            if self._continues("or"):
                return
            node = Or(tuple(level.ors), level.place) if len(level.ors) > 1 else node
            if len(self.levels) == 1:
                self.root = node
                return
            if not self.lexer.take(")"):
                raise self.lexer.fault("expected a ')' token")
            self.levels.pop()
            node = Not(node, level.not_place) if level.negated else node
            whole = level.after_or

    def _continues(self, word: str) -> bool:
        """Take ``and`` or ``or`` if it is next, and the parenthesis that may stick to it."""
        self.lexer.blank()
        if not self.lexer.take(word):
            return False
        if self.lexer.blank():
            return True
        place = self.lexer.place()
        if not self.lexer.take("("):
            raise self.lexer.fault(f"expected blank or '(' after '{word}'")
        self._open(False, place, after_or=word == "or")
        return True

    def _leaf(self) -> Node:
        lex = self.lexer
        place = lex.place()
        if lex.match(lexer.FIELD_NAME):
            return self._check(self._field(place), place)
        if lex.match(lexer.TRANSFORMER):
            return self._check(self._transform(place), place)
        if lex.match(lexer.IDENTIFIER):
            return Macro(lex.token, place)
        raise lex.fault("expected a '(' token, a field check, or an identifier")

    def _field(self, place: Place) -> Field:
        """The field whose name is the last token."""
        name = self.lexer.token
        return Field(name, self._argument_in_brackets(), place)

    def _argument_in_brackets(self) -> str | None:
        lex = self.lexer
        if not lex.take("["):
            return None
        if not (lex.quoted() or lex.match(lexer.FIELD_ARGUMENT)):
            raise lex.fault("expected a valid field argument: a quoted string or a bare string")
        argument = lex.token
        if not lex.take("]"):
            raise lex.fault("expected a ']' token")
        return argument

    def _transform(self, place: Place) -> Operand:
        """The transformer whose name is the last token, with all that is nested in it."""
        stack = [self._call(place)]
        while True:
            node = self._argument(stack)
            while node is not None:
                if not stack:
                    return node
                stack[-1].arguments.append(node)
                self.lexer.blank()
                node = None if self.lexer.take(",") else self._end_call(stack)

    def _call(self, place: Place) -> _Call:
        name = self.lexer.token
        self.lexer.take("(")
        return _Call("" if name == "(" else name, place)

    def _argument(self, stack: list[_Call]) -> Operand | None:
        """The next argument, or None where a nested call was opened instead."""
        lex = self.lexer
        lex.blank()
        place, in_list = lex.place(), not stack[-1].name
        if lex.match(lexer.TRANSFORMER) or (not in_list and lex.take("(")):
            if len(self.levels) + len(stack) > self.depth_limit:
                raise self._too_deep(self.depth_limit)
            if len(stack) >= _CALLS_LIMIT:
                raise self._too_deep(_CALLS_LIMIT)
            stack.append(self._call(place))
            return None
        if lex.match(lexer.FIELD_NAME):
            return self._field(place)
        if lex.quoted():
            return Literal(lex.token, False, place)
        if lex.match(lexer.HEX_NUMBER) or lex.match(lexer.NUMBER):
            return Literal(lex.token, True, place)
        if in_list and not stack[-1].arguments:
            return self._end_call(stack)
        raise lex.fault("expected a field or a nested valid transformer: " + _NAMES)

    def _end_call(self, stack: list[_Call]) -> Operand:
        if not self.lexer.take(")"):
            raise self.lexer.fault("expected a ')' token closing the transformer")
        call = stack.pop()
        arguments = tuple(call.arguments)
        if not call.name:
            return Items(arguments, call.place)
        return Transform(call.name, arguments, self._argument_in_brackets(), call.place)

    def _check(self, left: Operand, place: Place) -> Check:
        lex = self.lexer
        lex.blank()
        if lex.match(lexer.EXISTS):
            return Check(left, "exists", None, "", place)
        if lex.match(lexer.NUMBER_OPERATOR):
            return Check(left, lex.token, self._number(left), "", place)
        if lex.match(lexer.TEXT_OPERATOR):
            operator = lex.token
            if modifier := self._modifier():
                return Check(left, operator, self._list(), modifier, place)
            return Check(left, operator, self._text(), "", place)
        if lex.match(lexer.LIST_OPERATOR):
            return Check(left, lex.token, self._list_or_operand(), "", place)
        start = lex.at
        word = lex.token if lex.match(lexer.IDENTIFIER) else ""
        raise lex.fault(f"expected a valid check operator: {_operators_like(word)}", start)

    def _modifier(self) -> str:
        """The modifier that is next, or "": without a list after it, it is an ordinary text."""
        lex = self.lexer
        lex.blank()
        start = lex.at
        if lex.match(lexer.MODIFIER):
            modifier = lex.token
            lex.blank()
            if lex.sees(_LIST_START):
                return modifier
            lex.at = start
        return ""

    def _number(self, left: Operand) -> Value | Operand:
        lex = self.lexer
        lex.blank()
        place = lex.place()
        if operand := self._right_operand(place):
            return operand
        if lex.match(lexer.HEX_NUMBER) or lex.match(lexer.NUMBER):
            return Value(lex.token, place)
        by_word = isinstance(left, Field) and left.name in _ORDERED_BY_WORD
        if by_word and (lex.quoted() or lex.match(lexer.IDENTIFIER)):
            return Value(lex.token, place)
        raise lex.fault(f"expected a number value or {_OR_FIELD}")

    def _text(self) -> Value | Operand:
        lex = self.lexer
        lex.blank()
        place = lex.place()
        if operand := self._right_operand(place):
            return operand
        if lex.quoted() or lex.match(lexer.BARE):
            return Value(lex.token, place)
        raise lex.fault(f"expected a string value or {_OR_FIELD}")

    def _list_or_operand(self) -> Value | Values | Operand:
        self.lexer.blank()
        place = self.lexer.place()
        if not self.lexer.sees(_OPENING) and (operand := self._right_operand(place)):
            return operand
        return self._list()

    def _list(self) -> Value | Values:
        lex = self.lexer
        lex.blank()
        place = lex.place()
        if lex.take("("):
            return Values(self._items(), place)
        if lex.match(lexer.IDENTIFIER):
            return Value(lex.token, place)
        raise lex.fault(f"expected a list, an identifier, or {_OR_FIELD}")

    def _items(self) -> tuple[str, ...]:
        """What follows "(", with the ")"."""
        lex = self.lexer
        lex.blank()
        texts: list[str] = []
        while texts or not lex.take(")"):
            lex.blank()
            if not (lex.quoted() or lex.match(lexer.BARE)):
                raise lex.fault("expected a string value" if texts else "expected a ')' token")
            texts.append(lex.token)
            lex.blank()
            if lex.take(")"):
                break
            if not lex.take(","):
                raise lex.fault("expected a ')' token")
        return tuple(texts)

    def _right_operand(self, place: Place) -> Operand | None:
        """``val(field)`` or a transformer, if one is next."""
        lex = self.lexer
        if lex.match(lexer.TRANSFORMER):
            return self._transform(place)
        if not lex.take("val("):
            return None
        lex.blank()
        field_place = lex.place()
        if not lex.match(lexer.FIELD_NAME):
            raise lex.fault("expected a field within 'val' transformer")
        field = self._field(field_place)
        lex.blank()
        if not lex.take(")"):
            raise lex.fault("expected a ')' token closing the transformer")
        return Transform("val", (field,), None, place)


def _operators_like(word: str) -> str:
    """The operator that is meant, if that is clear, else all."""
    near = difflib.get_close_matches(word[:40], OPERATORS, 1, 0.7)
    return f"did you mean '{near[0]}'?" if near else f"one of {', '.join(map(repr, OPERATORS))}"


def shorten(text: str, limit: int = 60) -> str:
    """``text``, cut for a message."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
