"""A configuration as YAML text with a comment above each setting that has something to say."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from sidekick.compat.key import Path

_COLUMNS = 100
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*|\$\{[A-Za-z0-9_:/.-]+\}")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def comment(text: str, indent: int = 0) -> Iterator[str]:
    """The text as comment lines."""
    head = " " * indent + "# "
    for paragraph in text.splitlines():
        line = "".join(c if c.isprintable() else " " for c in paragraph)
        yield from textwrap.wrap(
            line, _COLUMNS, initial_indent=head, subsequent_indent=head, break_long_words=False
        )


def commented(value: Mapping[str, Any], comments: Mapping[Path, str]) -> str:
    """The value as YAML; ``comments`` are by path. Reads back as the same value."""
    return "".join(f"{line}\n" for line in _mapping(value, (), comments))


def _mapping(value: Mapping[str, Any], path: Path, comments: Mapping[Path, str]) -> Iterator[str]:
    indent = len(path) * 2
    for name, item in value.items():
        below = (*path, name)
        yield from comment(comments.get(below, ""), indent)
        head = f"{' ' * indent}{_key(name)}:"
        if isinstance(item, dict) and item:
            yield head
            yield from _mapping(item, below, comments)
        elif isinstance(item, list) and item and all(one and isinstance(one, dict) for one in item):
            yield head
            for one in item:
                yield from _entry(one, below)
        else:
            yield f"{head} {_flow(item) if isinstance(item, list | dict) else _scalar(item)}"


def _entry(item: Mapping[str, Any], path: Path) -> Iterator[str]:
    """A mapping that stands in a list."""
    lines = [f"{_key(name)}: {_block(value)}" for name, value in item.items()]
    indent = " " * (len(path) * 2)
    for n, line in enumerate(lines):
        yield f"{indent}{'  ' if n else '- '}{line}"


def _block(value: Any) -> str:
    return _flow(value) if isinstance(value, list | dict) else _scalar(value)


def _flow(value: Any) -> str:
    """A value in one line; between braces and brackets every text that is no word is quoted."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(name)}: {_flow(item)}" for name, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _quoted(value) if isinstance(value, str) and "$" in value else _scalar(value)


def _key(key: object) -> str:
    name = str(key)
    return name if _NAME.fullmatch(name) and name.lower() not in _WORDS else _quoted(name)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return "null" if value is None else str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return _quoted(value)


def _quoted(text: str) -> str:
    """In double quotes, with escapes where YAML wants them."""
    dumped: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=2**20)
    return dumped.removesuffix("\n")
