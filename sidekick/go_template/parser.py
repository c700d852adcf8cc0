"""Pieces of a template as a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sidekick.go_template import literals
from sidekick.go_template.functions import FUNCTIONS
from sidekick.go_template.lexer import Action, Token, pieces
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

_CONSTANTS = {"true": True, "false": False, "nil": None}
_NOT_HERE = frozenset({"define", "template", "block", "call"})
_MAX_DEPTH = 50


def parse(text: str) -> Block:
    """The tree of a template; raises ``ValueError`` ("line:column: reason")."""
    parser = _Parser(list(pieces(text)))
    body, end = parser.block(())
    assert end is None
    return body


class _Parser:
    """Reads pieces from the first to the last."""

    def __init__(self, found: list[str | Action]) -> None:
        self._pieces = found
        self._at = 0
        self._scopes: list[set[str]] = [{"$"}]
        self._loops = 0

    def block(self, ends: Sequence[str], opened: str = "") -> tuple[Block, Action | None]:
        """The nodes up to an action that begins with one of ``ends``, and that action."""
        if len(self._scopes) > _MAX_DEPTH:
            raise ValueError(f"{opened}: more than {_MAX_DEPTH} blocks in each other")
        self._scopes.append(set())
        nodes: list[Node] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if isinstance(piece, str):
                nodes += [Text(piece)] if piece else []
                continue
            if (word := _word(piece)) in ends:
                self._scopes.pop()
                return tuple(nodes), piece
            nodes.append(self._node(word, piece))
        if ends:
            raise ValueError(f"{opened}: a block without its {{{{ end }}}}")
        return tuple(nodes), None

    def _node(self, word: str, action: Action) -> Node:
        if word in ("if", "with"):
            return self._if(word, action, action.tokens[1:])
        if word == "range":
            return self._range(action)
        if word in ("break", "continue") and len(action.tokens) == 1:
            if not self._loops:
                raise ValueError(f"{action.place}: {word} outside of range")
            return Leave(goes_on=word == "continue")
        if word in ("end", "else"):
            raise ValueError(f"{action.place}: {word} without a block that it belongs to")
        found = self._statement(action.tokens, action.place)
        return found if isinstance(found, Assign) else Print(found)

    def _if(self, word: str, action: Action, tokens: Sequence[Token]) -> If:
        self._scopes.append(set())
        condition = self._statement(tokens, action.place)
        body, end = self.block(("else", "end"), action.place)
        otherwise = self._else(end, word)
        self._scopes.pop()
        return If(condition, body, otherwise, sets_dot=word == "with")

    def _else(self, end: Action | None, word: str) -> Block:
        """What stands after ``else``; ``else if`` is one block more that ends with this one."""
        assert end is not None
        if _word(end) == "end":
            return ()
        if len(end.tokens) > 1:
            if end.tokens[1].text not in ("if", "with") or word == "range":
                raise ValueError(f"{end.place}: unexpected {end.tokens[1].text} after else")
            return (self._if(end.tokens[1].text, end, end.tokens[2:]),)
        return self.block(("end",), end.place)[0]

    def _range(self, action: Action) -> Range:
        self._scopes.append(set())
        tokens = action.tokens[1:]
        signs = [n for n, token in enumerate(tokens) if token.text in (":=", "=")]
        names: list[str] = []
        declares = False
        if signs:
            names = [token.text for token in tokens[: signs[0]] if token.kind == "variable"]
            declares = tokens[signs[0]].text == ":="
            if 2 * len(names) - 1 != signs[0] or len(names) > 2:
                raise ValueError(f"{action.place}: wanted one or two variables to range over")
            self._names(names, declares, action.place)
            tokens = tokens[signs[0] + 1 :]
        value = self._pipeline(tokens, action.place)
        self._loops += 1
        body, end = self.block(("else", "end"), action.place)
        self._loops -= 1
        otherwise = self._else(end, "range")
        self._scopes.pop()
        return Range(value, tuple(names), declares, body, otherwise, action.place)

    def _statement(self, tokens: Sequence[Token], place: str) -> Pipeline | Assign:
        if len(tokens) > 1 and tokens[0].kind == "variable" and tokens[1].text in (":=", "="):
            declares = tokens[1].text == ":="
            value = self._pipeline(tokens[2:], place)
            self._names([tokens[0].text], declares, place)
            return Assign(tokens[0].text, value, declares, place)
        return self._pipeline(tokens, place)

    def _names(self, names: Sequence[str], declares: bool, place: str) -> None:
        for name in names:
            if declares:
                self._scopes[-1].add(name)
            else:
                self._known(name, place)

    def _known(self, name: str, place: str) -> None:
        if not any(name in scope for scope in self._scopes):
            raise ValueError(f"{place}: the variable {name} is not set before")

    def _pipeline(self, tokens: Sequence[Token], place: str) -> Pipeline:
        reader = _Expression(tokens, place, self._known)
        found = reader.pipeline()
        if reader.token is not None:
            raise ValueError(f"{reader.token.place}: unexpected {reader.token.text}")
        return found


class _Expression:
    """Reads the tokens of one pipeline."""

    def __init__(
        self, tokens: Sequence[Token], place: str, known: Callable[[str, str], None]
    ) -> None:
        self._tokens = tokens
        self._at = 0
        self._place = place
        self._known = known
        self._depth = 0

    @property
    def token(self) -> Token | None:
        """The next token."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def pipeline(self) -> Pipeline:
        """Commands with ``|`` between them."""
        commands = [self._command()]
        while self.token is not None and self.token.text == "|":
            place = self.token.place
            self._at += 1
            if self.token is None:  # Go lets a pipe lead nowhere
                break
            command = self._command()
            if not isinstance(command, Call):
                raise ValueError(f"{place}: wanted a function after |")
            commands.append(command)
        return Pipeline(tuple(commands))

    def _command(self) -> Operand:
        first = self.token
        if first is None or first.text in ("|", ")"):
            raise ValueError(f"{first.place if first else self._place}: a value is missing")
        if first.kind == "word" and first.text not in _CONSTANTS:
            return self._call(first)
        operand = self._operand()
        if operand == Literal(None):
            raise ValueError(f"{first.place}: nil is no value to print or to decide by")
        following = self.token
        if following is not None and following.text not in ("|", ")"):
            raise ValueError(f"{following.place}: {first.text} takes no arguments")
        return operand

    def _call(self, first: Token) -> Call:
        name = _function(first)
        self._at += 1
        arguments: list[Operand] = []
        while self.token is not None and self.token.text not in ("|", ")"):
            arguments.append(self._operand())
        return Call(name, tuple(arguments), first.place)

    def _operand(self) -> Operand:
        """A value, and the fields of it that follow without a blank."""
        found = self._value()
        while (token := self.token) is not None and token.kind == "field" and not token.apart:
            if token.text == "." or isinstance(found, Dot | Literal):
                raise ValueError(f"{token.place}: unexpected {token.text}")
            self._at += 1
            found = Field(found, token.text[1:], token.place)
        return found

    def _value(self) -> Operand:
        token = self.token
        assert token is not None
        self._at += 1
        if token.text == "(":
            return self._group(token)
        if token.kind == "field":
            return Field(Dot(), token.text[1:], token.place) if token.text != "." else Dot()
        if token.kind == "variable":
            self._known(token.text, token.place)
            return Variable(token.text, token.place)
        if token.kind == "word":
            if token.text in _CONSTANTS:
                return Literal(_CONSTANTS[token.text])
            return Call(_function(token), (), token.place)
        if token.kind in ("string", "char", "number"):
            return Literal(literals.value(token))
        raise ValueError(f"{token.place}: unexpected {token.text}")

    def _group(self, opened: Token) -> Pipeline:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError(f"{opened.place}: more than {_MAX_DEPTH} parentheses")
        found = self.pipeline()
        if self.token is None or self.token.text != ")":
            raise ValueError(f'{opened.place}: "(" without ")"')
        self._at += 1
        self._depth -= 1
        return found


def _word(action: Action) -> str:
    """The word that an action begins with, or ""."""
    first = action.tokens[0] if action.tokens else None
    return first.text if first is not None and first.kind == "word" else ""


def _function(token: Token) -> str:
    """The name of a function that there is."""
    if token.text in _NOT_HERE:
        raise ValueError(f"{token.place}: {token.text} is not supported")
    if token.text not in FUNCTIONS:
        known = ", ".join(sorted(FUNCTIONS))
        raise ValueError(f'{token.place}: there is no function "{token.text}"; known: {known}')
    return token.text
