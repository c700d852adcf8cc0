"""Outputs of rules: ``%field[argument]`` in a text, as Falco formats and prints it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sidekick.errors import ConditionError, SidekickError
from sidekick.rules.ast import Check, Field, Operand
from sidekick.rules.fields import FieldRegistry, FieldType, Shape
from sidekick.rules.operands import Operands
from sidekick.rules.operators import Namespace, Refused
from sidekick.rules.parser import TRANSFORMERS, parse
from sidekick.rules.times import clock, clock_seconds, iso8601, local, local_seconds
from sidekick.rules.warnings import is_deprecated

MISSING = "<NA>"
_WIDTH = re.compile(r"[0-9]{0,4}")
_LONGEST_NAME = 128
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+)*")
_CALL = re.compile(rf"(?:{'|'.join(TRANSFORMERS)})\(")
_ARGUMENT = re.compile(r"""\[(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^]\["'\s]+)\]""")
_SHOWN = 40
_CONTAINER_INFO = "%container.info"

Read = Callable[[Mapping[str, Any]], Any]


class OutputError(SidekickError):
    """An output does not compile."""


@dataclass(frozen=True, slots=True)
class Token:
    """One field of an output.

    ``key`` is its text; ``plain`` if it is no transformer; ``width`` pads or cuts its text, 0 for
    neither. ``field`` is what the record is asked for if its value is shown just as it is, else "".
    """

    key: str
    width: int
    plain: bool
    read: Read
    show: Callable[[Any], str]
    typed: Callable[[Any], Any]
    field: str = ""


Format = Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Output:
    """A compiled output: literal texts with the tokens between them; ``keys`` are the fields that
    the record is asked for."""

    text: str
    literals: tuple[str, ...]
    tokens: tuple[Token, ...]
    keys: frozenset[str]
    warnings: tuple[str, ...] = ()

    def then(self, other: Output) -> Output:
        """This output, a blank, and another one."""
        glue = f"{self.literals[-1]} {other.literals[0]}"
        return Output(
            f"{self.text} {other.text}",
            (*self.literals[:-1], glue, *other.literals[1:]),
            self.tokens + other.tokens,
            self.keys | other.keys,
            self.warnings + other.warnings,
        )

    @cached_property
    def format(self) -> Format:
        """Gives the text for a record, and the values of its plain tokens for ``output_fields``.

        It is generated at the first alert: straight code, a fifth of the time of the loop that it
        falls back to for a value of another type than its field's.
        """
        return _generated(self.literals, self.tokens, self._format)

    def _format(self, record: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        pieces = [self.literals[0]]
        fields: dict[str, Any] = {}
        for token, literal in zip(self.tokens, self.literals[1:], strict=True):
            value = token.read(record)
            try:
                typed = None if value is None else token.typed(value)
                shown = MISSING if value is None else token.show(value)
            except Exception:
                # A value of another type than its field's; the alert is worth more than its form.
                typed = shown = str(value)
            if token.plain:
                fields[token.key] = typed
            if token.width:
                shown = _fitted(shown, token.width)
            pieces += (shown, literal)
        return "".join(pieces), fields


def _generated(literals: Sequence[str], tokens: Sequence[Token], careful: Format) -> Format:
    lines, fields, text = [], {}, _braced(literals[0])
    names: dict[str, Any] = {"careful": careful, "missing": MISSING, "fitted": _fitted}
    for n, (token, literal) in enumerate(zip(tokens, literals[1:], strict=True)):
        lines += _token_lines(n, token, names)
        text += f"{{s{n}}}{_braced(literal)}"
        if token.plain:
            fields[token.key] = f"v{n}"
    values = ", ".join(f"{key!r}: {name}" for key, name in fields.items())
    body = "".join(f"        {line}\n" for line in [*lines, f"return f{text!r}, {{{values}}}"])
    code = f"def write(r):\n    try:\n{body}    except Exception:\n        return careful(r)\n"
    exec(code, names)
    found: Format = names["write"]
    return found


def _token_lines(n: int, token: Token, names: dict[str, Any]) -> list[str]:
    """The text ``s`` and the value ``v`` of a token, by its number."""
    names |= {f"read{n}": token.read, f"show{n}": token.show, f"typed{n}": token.typed}
    if token.field:
        lines = [
            f"v{n} = r[{token.field!r}]",
            f"s{n} = v{n} if v{n}.__class__ is str else missing if v{n} is None else show{n}(v{n})",
        ]
    else:
        lines = [
            f"v{n} = read{n}(r)",
            f"s{n} = missing if v{n} is None else show{n}(v{n})",
            f"v{n} = None if v{n} is None else typed{n}(v{n})",
        ]
    return [*lines, f"s{n} = fitted(s{n}, {token.width})"] if token.width else lines


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def compile_output(text: str, fields: FieldRegistry) -> Output:
    """The output that a text is; raises OutputError."""
    return _Compiler(text, fields).compile()


class _Compiler:
    def __init__(self, text: str, fields: FieldRegistry) -> None:
        self._text = text
        self._fields = fields
        self._names = Namespace()
        self._operands = Operands(fields, self._names)
        self._warnings: list[str] = []

    def compile(self) -> Output:
        # The star asks for <NA> in place of what is missing, which is what is printed anyhow.
        text = self._without_container_info(self._text.removeprefix("*"))
        literals, tokens = [""], []
        at = 0
        while (percent := text.find("%", at)) >= 0:
            literals[-1] += text[at:percent]
            token, at = self._token(text, percent + 1)
            tokens.append(token)
            literals.append("")
        literals[-1] += text[at:]
        keys = frozenset(self._operands.keys)
        return Output(text, tuple(literals), tuple(tokens), keys, tuple(self._warnings))

    def _without_container_info(self, text: str) -> str:
        if _CONTAINER_INFO not in text:
            return text
        self._warnings.append(
            f"'{_CONTAINER_INFO}' is deprecated and prints nothing; append_output adds the "
            "container's fields"
        )
        return text.replace(_CONTAINER_INFO, "")

    def _token(self, text: str, start: int) -> tuple[Token, int]:
        """The token after a percent sign, and where it ends."""
        if start == len(text):
            raise OutputError("invalid formatting syntax: formatting cannot end with a %")
        digits = _WIDTH.match(text, start)
        assert digits
        end = digits.end()
        width = int(digits[0] or 0)
        if _CALL.match(text, end):
            return self._transformed(text, end, width)
        name = self._name(text, end)
        after = end + len(name)
        kind = self._fields.kind(name)
        argument = _ARGUMENT.match(text, after) if kind and kind.takes_argument else None
        whole = text[end : argument.end() if argument else after]
        operand = self._operand(whole)
        if is_deprecated(name):
            self._warnings.append(
                f"usage of deprecated field '{whole}' has been detected in the rule output"
            )
        return self._made(whole, operand, width, plain=True), end + len(whole)

    def _name(self, text: str, start: int) -> str:
        """The longest name of a field at a place."""
        found = _NAME.match(text, start, start + _LONGEST_NAME)
        whole = found[0] if found else ""
        for length in range(len(whole), 0, -1):
            if self._fields.kind(whole[:length]):
                return whole[:length]
        shown = whole or text[start : start + _SHOWN]
        raise OutputError(
            f"invalid formatting token {shown}: unknown filter: nonexistent field"
            f"{self._fields.suggestion(whole)}"
        )

    def _transformed(self, text: str, start: int, width: int) -> tuple[Token, int]:
        end = _closing(text, start)
        if end < 0:
            raise OutputError(f"invalid formatting token {text[start : start + _SHOWN]}: no ')'")
        if argument := _ARGUMENT.match(text, end):
            end = argument.end()
        whole = text[start:end]
        return self._made(whole, self._operand(whole), width, plain=False), end

    def _operand(self, text: str) -> Operand:
        try:
            node = parse(f"{text} exists")
        except ConditionError as fault:
            raise OutputError(f"invalid formatting token {text[:_SHOWN]}: {fault.reason}") from None
        assert isinstance(node, Check)
        return node.left

    def _made(self, whole: str, operand: Operand, width: int, *, plain: bool) -> Token:
        if show := _TIMES.get(whole):
            self._operands.read(_TIME)
            return Token(whole, width, plain, lambda r: r[_TIME], show, _same)
        try:
            found = (
                self._operands.raw(operand)
                if isinstance(operand, Field)
                else self._operands.left(operand)
            )
        except ConditionError as fault:
            raise OutputError(f"invalid formatting token {whole}: {fault.reason}") from None
        except Refused as fault:
            raise OutputError(f"invalid formatting token {whole}: {fault}") from None
        read: Read = eval(f"lambda r: {self._names.finish(found.code)}", self._names)
        typed = _TYPED.get(found.type, _same)
        if found.shape is Shape.ONE:
            direct = isinstance(operand, Field) and typed is _same
            field = self._fields.resolve(operand).key if direct else ""  # type: ignore[arg-type]
            return Token(whole, width, plain, read, _shown(typed), typed, field)
        if found.shape is Shape.ANCESTORS:
            return Token(whole, width, plain, _filled(read), _joined, _joined)
        return Token(whole, width, plain, _filled(read), _listed(typed), _each(typed))


def _fitted(text: str, width: int) -> str:
    """The text cut or filled up to a width in bytes."""
    if text.isascii():
        return text[:width].ljust(width)
    cut = text.encode("utf-8", "surrogateescape")[:width].ljust(width)
    return cut.decode("utf-8", "replace")


def _closing(text: str, start: int) -> int:
    """Behind the parenthesis that closes the first one; -1 if there is none."""
    depth, quote = 0, ""
    for at in range(start, len(text)):
        letter = text[at]
        if quote:
            if letter == quote and text[at - 1] != "\\":
                quote = ""
        elif letter in "\"'":
            quote = letter
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if not depth:
                return at + 1
    return -1


def _filled(read: Read) -> Read:
    """The same; an empty list is no value."""

    def filled(record: Mapping[str, Any]) -> Any:
        return read(record) or None

    return filled


def _same(value: Any) -> Any:
    return value


def _address(value: Any) -> Any:
    return str(ipaddress.ip_address(value)) if isinstance(value, bytes) else value


def _printable(value: Any) -> Any:
    """Bytes as Falco prints a buffer: a dot for what cannot be printed."""
    if isinstance(value, bytes):
        return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in value)
    return value


_TYPED: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.ADDRESS: _address,
    FieldType.NETWORK: _address,
    FieldType.BYTES: _printable,
}

_TIME = "evt.rawtime"
_TIMES: dict[str, Callable[[int], str]] = {
    "evt.time": clock,
    "evt.time.s": clock_seconds,
    "evt.time.iso8601": iso8601,
    "evt.datetime": local,
    "evt.datetime.s": local_seconds,
}
"""Texts of the event's time; their value is the time itself."""


def _text(value: Any) -> str:
    if value.__class__ is str:
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _shown(typed: Callable[[Any], Any]) -> Callable[[Any], str]:
    return _text if typed is _same else lambda value: _text(typed(value))


def _joined(values: Any) -> str:
    return " ".join(map(_text, values))


def _listed(typed: Callable[[Any], Any]) -> Callable[[Any], str]:
    return lambda values: f"({','.join(_text(typed(value)) for value in values)})"


def _each(typed: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [typed(value) for value in values]
