"""What the section classes want at a path: the keys they know, and where secrets are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from sidekick.settings.tree import Path


def types_at(annotation: Any, path: Path) -> list[Any]:
    """The types that ``annotation`` has at ``path``; several in a union, none for a wrong path."""
    found = list(_members(annotation))
    for key in path:
        found = [inner for one in found for outer in _step(one, key) for inner in _members(outer)]
    return found


def keys_at(annotation: Any, path: Path) -> list[str]:
    """The keys that the sections at ``path`` know."""
    models = [t for t in types_at(annotation, path) if _is_model(t)]
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def holds_secret(annotation: Any, path: Path) -> bool:
    """Whether a text that is never printed is at ``path``, or in a list or mapping there."""
    return any(_secret(one) for one in types_at(annotation, path))


def without_blanks(value: Any, root: Any, path: Path = ()) -> Any:
    """The value without the known keys that have nothing behind them: they keep their defaults."""
    if isinstance(value, list):
        return [without_blanks(item, root, (*path, i)) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    known = keys_at(root, path)
    return {
        key: without_blanks(item, root, (*path, key))
        for key, item in value.items()
        if item is not None or key not in known
    }


def secrets(value: Any, root: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The path and text of every value that is never printed."""
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    elif value is not None and holds_secret(root, path):
        yield path, str(value)
    for key, item in items:
        yield from secrets(item, root, (*path, key))


def _secret(one: Any) -> bool:
    if one is SecretStr:
        return True
    if _is_model(one):
        return False
    return any(_secret(inner) for arg in get_args(one) for inner in _members(arg))


def _members(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for one in get_args(annotation):
            yield from _members(one)
    else:
        yield annotation


def _step(one: Any, key: str | int) -> Iterator[Any]:
    if _is_model(one):
        yield from (f.annotation for name, f in one.model_fields.items() if key in (name, f.alias))
        return
    arguments = [arg for arg in get_args(one) if arg is not Ellipsis]
    if not arguments:
        return
    if isinstance(key, str):
        if len(arguments) == 2 and get_origin(one) is not tuple:
            yield arguments[1]
    elif get_origin(one) is tuple and len(arguments) > 1:
        yield from arguments[key : key + 1]
    else:
        yield arguments[0]


def _is_model(one: Any) -> bool:
    return isinstance(one, type) and issubclass(one, BaseModel)
