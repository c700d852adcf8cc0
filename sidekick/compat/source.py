"""Looks keys up as falcosidekick does: environment before file, any case, empty is unset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from sidekick.compat.key import Path, as_truth, variable

_NONE: Mapping[str, str] = MappingProxyType({})


class Given(msgspec.Struct, frozen=True):
    """A value that is set: as text, with the variable that it came from or its path in the file."""

    text: str
    variable: str = ""
    place: Path = ()


class Source:
    """Reads falcosidekick's keys ("aws.s3.bucket") from a file's value and the environment."""

    def __init__(
        self,
        value: Mapping[str, Any],
        environ: Mapping[str, str],
        aliases: Mapping[str, str] = _NONE,
    ) -> None:
        """``aliases`` are other variables of keys, which count after a key's own."""
        self._environ = environ
        self._aliases = aliases
        self._leaves = {_dotted(path): (path, leaf) for path, leaf in _leaves(value)}
        self.warnings: list[str] = []

    def given(self, key: str) -> Given | None:
        """The value of a key; None when it is empty or missing."""
        for name in (variable(key), self._aliases.get(key, "")):
            if text := self._environ.get(name):
                return Given(text, name)
        path, leaf = self._leaves.get(key, ((), None))
        text = _text(leaf)
        return Given(text, place=path) if text else None

    def is_on(self, key: str) -> bool:
        """Whether a key is true, or set to something that is no truth value."""
        given = self.given(key)
        try:
            return given is not None and as_truth(given.text)
        except ValueError:
            return True

    def entries(self, key: str) -> dict[str, Given]:
        """A map: the file's, over which the variable's go (``name:value,name:value`` or JSON)."""
        depth = key.count(".") + 1
        found = {
            ".".join(map(str, path[depth:])): Given(_text(leaf), place=path)
            for dotted, (path, leaf) in self._leaves.items()
            if dotted.startswith(f"{key}.")
        }
        whole = self.given(key)
        if whole is not None:
            named = whole.variable or key
            for name, text in self._pairs(named, whole.text):
                found[name] = Given(text, whole.variable, whole.place)
        return {name: given for name, given in found.items() if given.text}

    def environment(self, name: str) -> str:
        """The text of any environment variable, "" when it is unset."""
        return self._environ.get(name, "")

    def variables(self) -> Iterator[str]:
        """Every environment variable that has a value."""
        return (name for name, text in self._environ.items() if text)

    def keys(self) -> Iterator[str]:
        """Every key of the file that has a value, as it is looked up."""
        return (key for key, (_, leaf) in self._leaves.items() if _text(leaf))

    def _pairs(self, named: str, text: str) -> Iterator[tuple[str, str]]:
        if text.lstrip().startswith("{"):
            yield from self._json(named, text)
            return
        items = [item for item in _split(text) if item.strip()]
        wrong = sum(":" not in item for item in items)
        if wrong:  # the texts themselves may be secrets
            self.warnings.append(
                f'{named}: wanted name:value,name:value, found {wrong} without ":", left out'
            )
        for item in items:
            name, colon, value = item.partition(":")
            if colon:
                yield name.strip(), value.strip()

    def _json(self, named: str, text: str) -> Iterator[tuple[str, str]]:
        try:
            found = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as error:
            reason = f"wanted name:value,name:value or a JSON object ({error})"
            self.warnings.append(f"{named}: {reason}; it is left out")
            return
        yield from ((name, _text(value)) for name, value in found.items())


def _split(text: str) -> Iterator[str]:
    """The parts between commas; those within ``{{ }}`` part nothing."""
    part = ""
    for piece in text.split(","):
        part += piece
        if part.count("{{") <= part.count("}}"):
            yield part
            part = ""
        else:
            part += ","
    if part:
        yield part


def _leaves(value: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key), item


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)).lower()


def _text(leaf: Any) -> str:
    """A value of the file as the text that it is in a variable."""
    if leaf is None:
        return ""
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    if isinstance(leaf, float):  # as Go's cast writes it, never with an exponent
        text = format(Decimal(repr(leaf)), "f")
        return text.rstrip("0").removesuffix(".") if "." in text else text
    if isinstance(leaf, Mapping):
        return msgspec.json.encode(leaf).decode()
    if isinstance(leaf, list):
        return ",".join(_text(item) for item in leaf)
    return str(leaf)
