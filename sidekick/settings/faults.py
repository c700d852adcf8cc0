"""What is wrong with a file, as sentences with their place and without secrets."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from sidekick.settings.expand import Expansion
from sidekick.settings.shape import holds_secret, keys_at, types_at
from sidekick.settings.tree import Path, Place, Tree

_FIRST = Place(0, 0)
_ENVIRONMENT = Place(0, 1)
"""For what stands in no file; files begin with line 1."""
_LONG, _SHORT = 8, 3
"""Texts from outside of 8 characters or more are hidden in every sentence, shorter ones where they
belong: a variable with "info" in it must not blot out the word everywhere."""

_MISSING = "wanted the key"
_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen": "a list",
    "dict": "a mapping of keys to values",
    "mapping": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "none": "nothing",
    "url": "a URL",
    "path": "a path",
    "date": "a date",
    "datetime": "a date and time",
    "time": "a time of day",
}
_LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda c: f"more than {c['gt']}",
    "greater_than_equal": lambda c: f"at least {c['ge']}",
    "less_than": lambda c: f"less than {c['lt']}",
    "less_than_equal": lambda c: f"at most {c['le']}",
    "string_too_short": lambda c: f"at least {c['min_length']} characters",
    "string_too_long": lambda c: f"at most {c['max_length']} characters",
    "string_pattern_mismatch": lambda c: f"a text that matches {c['pattern']}",
    "too_short": lambda c: (
        "at least one" if c["min_length"] == 1 else f"at least {c['min_length']}"
    ),
    "too_long": lambda c: f"at most {c['max_length']} entries",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "..."?`` for the nearest known word, or ""."""
    by_lower = {one.lower(): one for one in known}
    word = word.lower()[:64]
    near = difflib.get_close_matches(word, by_lower, n=1, cutoff=0.6)
    near = near or [one for one in by_lower if word and word in one.split("_")][:1]
    return f'; did you mean "{by_lower[near[0]]}"?' if near else ""


def shown(value: Any) -> str:
    """A value as a message shows it: short, passwords in URLs left out."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return f"the number {value}"
    text = re.sub(r"//[^/\s]*@", "//...@", value)
    return json.dumps(text if len(text) <= 60 else text[:57] + "...", ensure_ascii=False)


@dataclass
class Faults:
    """Collects the faults of one file; ``sentences`` has them in the order of the file.

    ``value`` is what is validated, ``secrets`` the texts in it that are never shown, ``moved``
    where a value stood before a translation, ``command_line`` what did not come from the file,
    ``variables`` what stands for a place in ``moved`` and is the environment's.
    """

    name: str
    tree: Tree
    expansion: Expansion
    value: Any = None
    secrets: dict[Path, str] = field(default_factory=dict)
    moved: Mapping[Path, Path] = field(default_factory=dict)
    command_line: set[Path] = field(default_factory=set)
    variables: frozenset[str] = frozenset()
    _found: list[tuple[Place | None, str]] = field(default_factory=list)

    def at(self, place: Place, reason: str) -> None:
        """A fault at a place in the file that has no path."""
        self._found.append((place, reason))

    def add(
        self, path: Path, reason: str, *, key: bool = False, place: Place | None = None
    ) -> None:
        """A fault of the value at ``path``, or of its key."""
        written = self._written(path)
        place = place or (self.tree.keys.get(written) if key else None) or self.tree.near(written)
        if written and written[0] in self.variables:
            place = _ENVIRONMENT
        where = dotted(written[:-1] if key else written)
        sentence = self._without_secrets(path, f"{where}: {reason}" if where else reason)
        self._found.append((None if path in self.command_line else place, sentence))

    def _written(self, path: Path) -> Path:
        """Where the value at ``path`` stands in the file, if it was moved by a translation."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.moved:
                return (*self.moved[path[:end]], *path[end:])
        return path

    def add_validation(self, error: ValidationError, root: Any, prefix: Path = ()) -> None:
        """Every fault of a section class; ``root`` is the class, ``prefix`` where it stands."""
        together: dict[tuple[Path, bool], list[str]] = {}
        told = {path for path, _ in self.expansion.faults}
        for one in error.errors(include_url=False, include_input=False):
            path, key = self._path(prefix, one["loc"]), one["type"] == "extra_forbidden"
            if path in told:
                continue  # what stands in for it is no text of anybody's
            reasons = together.setdefault((path, key), [])
            reason = self._reason(one, path, root, prefix)
            if reason not in reasons:
                reasons.append(reason)
        for (path, key), reasons in together.items():
            both = all(reason.startswith(_MISSING) for reason in reasons)
            self.add(path, ("; " if both else "; or ").join(reasons), key=key)

    def told(self, path: Path, reason: str) -> str:
        """A sentence about the value at ``path`` that is no fault."""
        written = self._written(path)
        return f"{self._origin(self.tree.near(written))}: {dotted(written)}: {reason}"

    def sentences(self) -> list[str]:
        """``file:line:column: sentence`` each."""
        order = sorted(dict.fromkeys(self._found), key=lambda f: f[0] or _FIRST)
        return [f"{self._origin(place)}: {reason}" for place, reason in order]

    def _origin(self, place: Place | None) -> str:
        if place is None:
            return "command line"
        if place == _ENVIRONMENT:
            return "environment"
        return f"{self.name}:{place.line}:{place.column}" if self.tree.values else self.name

    def _path(self, prefix: Path, loc: Sequence[str | int]) -> Path:
        """pydantic's location without the names of union members that it has in it."""
        path = prefix
        value = _descend(self.value, prefix)
        for step in loc:
            if _has(value, step):
                value, path = value[step], (*path, step)
        return path

    def _reason(self, error: Any, path: Path, root: Any, prefix: Path) -> str:
        kind, context, inner = str(error["type"]), error.get("ctx", {}), path[len(prefix) :]
        if kind == "extra_forbidden":
            name = str(path[-1])
            return f'unknown key "{name}"{did_you_mean(name, keys_at(root, inner[:-1]))}'
        if kind == "missing":
            return f'{_MISSING} "{error["loc"][-1]}", which is missing'
        if kind in ("value_error", "assertion_error"):
            reason = str(error["msg"]).split("error, ", 1)[-1]
            if "found" in reason or isinstance(_descend(self.value, path), dict | list):
                return reason
            return f"{reason}, found {self._shown(path, root, inner)}"
        wanted, hint = self._wanted(kind, context, str(error["msg"]), path)
        return f"wanted {wanted}, found {self._shown(path, root, inner)}{hint}"

    def _wanted(self, kind: str, context: Any, message: str, path: Path) -> tuple[str, str]:
        value = _descend(self.value, path)
        if kind in ("literal_error", "enum", "union_tag_invalid"):
            words = str(context.get("expected") or context.get("expected_tags"))
            near = did_you_mean(str(value), re.findall(r"'([^']*)'", words))
            return words.replace("'", '"'), "" if path in self.expansion.origins else near
        if kind in _LIMITS:
            return _LIMITS[kind](context), ""
        wanted = _WANTED.get(kind.split("_")[0], message[:1].lower() + message[1:])
        number = isinstance(value, int | float)
        return wanted, "; put it in quotes" if kind == "string_type" and number else ""

    def _shown(self, path: Path, root: Any, inner: Path) -> str:
        if path in self.expansion.origins:
            return f"another text in {self.expansion.origins[path]}"
        if not types_at(root, inner) or holds_secret(root, inner):
            return "something else (not shown: it may be secret)"
        return shown(_descend(self.value, path))

    def _without_secrets(self, path: Path, sentence: str) -> str:
        outside = self.expansion.texts | {p: {t} for p, t in self.secrets.items()}
        hidden = {
            text
            for at, texts in outside.items()
            for text in texts
            if len(text) >= _LONG or (len(text) >= _SHORT and _related(at, path))
        }
        for text in sorted(hidden, key=len, reverse=True):
            for written in {text, repr(text)[1:-1], json.dumps(text)[1:-1]}:
                sentence = sentence.replace(written, "...")
        return sentence


def _related(one: Path, other: Path) -> bool:
    return one[: len(other)] == other or other[: len(one)] == one


def dotted(path: Path) -> str:
    """``sinks.chat.url`` or ``silences[2].until``."""
    parts = (f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
    return "".join(parts).removeprefix(".")


def _has(value: Any, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def _descend(value: Any, path: Path) -> Any:
    for step in path:
        if not _has(value, step):
            return None
        value = value[step]
    return value
