"""Looks keys up as falcosidekick does: environment before file, any case, empty is unset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]

_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})


@dataclass
class Translation:
    """``value`` in sidekick's keys; ``places`` says where each path stood, ``variables`` which
    paths came from which environment variable."""

    value: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Path] = field(default_factory=dict)
    variables: dict[Path, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Reader:
    """Reads falcosidekick's keys (``"aws.s3.bucket"``) and writes sidekick's paths.

    Whatever of the file nobody asked for ends in a warning.
    """

    def __init__(self, value: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._leaves = {_dotted(path): (path, leaf) for path, leaf in _leaves(value)}
        self._left = set(self._leaves)
        self._made = Translation()

    def text(self, key: str, default: str = "") -> str:
        """The value as text; the default if it is empty or missing."""
        variable = self._variable(key)
        if variable is not None:
            return self._environ[variable]
        self._left.discard(key)
        leaf = self._leaves.get(key, ((), None))[1]
        return default if leaf is None or leaf == "" else str(leaf)

    def truth(self, key: str, default: bool = False) -> bool:
        """The value as a boolean."""
        text = self.text(key).lower()
        return text in _TRUE if text else default

    def mapping(self, key: str) -> dict[str, str]:
        """A map, in the environment written ``k:v,k:v``."""
        variable = self._variable(key)
        if variable is not None:
            pairs = (item.partition(":") for item in self._environ[variable].split(","))
            return {name.strip(): text.strip() for name, colon, text in pairs if colon}
        found: dict[str, str] = {}
        for dotted, (path, leaf) in self._leaves.items():
            if dotted.startswith(f"{key}."):
                self._left.discard(dotted)
                depth = key.count(".") + 1
                found[".".join(map(str, path[depth:]))] = "" if leaf is None else str(leaf)
        return found

    def listing(self, key: str) -> list[str]:
        """A list, in the environment and in a text separated by commas."""
        variable = self._variable(key)
        self._left.discard(key)
        leaf = self._environ[variable] if variable else self._leaves.get(key, ((), None))[1]
        items = leaf if isinstance(leaf, list) else str(leaf or "").split(",")
        return [str(item).strip() for item in items if str(item).strip()]

    def take(
        self,
        key: str,
        path: Path,
        convert: Callable[[str], Any] = str,
        default: str = "",
    ) -> bool:
        """Write the value of a key, if it has one, to a path of sidekick; is there one?"""
        text = self.text(key, default)
        if not text:
            return False
        self.fixed(path, _converted(text, convert))
        self.came_from(path, key)
        return True

    def came_from(self, path: Path, key: str) -> None:
        """Remember where the value at ``path`` was written, for messages about it."""
        variable = self._variable(key)
        if variable is not None:
            self._made.variables[path] = variable
        elif key in self._leaves:
            self._made.places[path] = self._leaves[key][0]

    def fixed(self, path: Path, value: Any) -> None:
        """Write a value to a path of sidekick."""
        part = self._made.value
        for step in path[:-1]:
            part = part.setdefault(str(step), {})
        part[str(path[-1])] = value

    def ignore(self, key: str) -> None:
        """Keys below this one mean nothing as things are: no warning about them."""
        self._left = {one for one in self._left if one != key and not one.startswith(f"{key}.")}

    def finish(self) -> Translation:
        """The translation, with a warning about all that is left."""
        left = sorted(key for key in self._left if _says_something(self._leaves[key][1]))
        if left:
            self._made.warnings.append(
                f"{', '.join(left)}: sidekick has no such setting for falcosidekick's, "
                "it is without effect"
            )
        return self._made

    def _variable(self, key: str) -> str | None:
        name = key.upper().replace(".", "_")
        return name if self._environ.get(name) else None


def _leaves(value: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key), item


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)).lower()


def _converted(text: str, convert: Callable[[str], Any]) -> Any:
    """What cannot be converted stays text: the section that it ends in tells what it wants."""
    try:
        return convert(text)
    except ValueError:
        return text


def _says_something(leaf: Any) -> bool:
    return leaf not in (None, "", False, 0, [])
