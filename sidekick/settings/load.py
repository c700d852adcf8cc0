"""From a file, the environment and the command line to ``Settings``, or to all faults at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from sidekick import compat, sinks, sources
from sidekick.errors import ConfigError
from sidekick.settings.check import cross_check
from sidekick.settings.expand import Expansion
from sidekick.settings.faults import Faults, did_you_mean, shown
from sidekick.settings.idle import idle
from sidekick.settings.model import Settings
from sidekick.settings.shape import secrets, without_blanks
from sidekick.settings.tree import MAX_BYTES, BadYaml, Path, Tree, read

MAX_SINKS = 62
"""The lanes of an alert are a set of bits in one 64-bit integer of the log."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_NO_FILE = {"sinks": {"stdout": {"type": "stdout"}}}


def load(
    path: FilePath | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
    files: set[FilePath] | None = None,
) -> Settings:
    """The settings of ``path`` (sidekick's or falcosidekick's keys), or ``ConfigError``.

    ``overrides`` has dotted keys ("listen.port") that go over the file's. Into ``files`` goes every
    file that was looked at, also when the load fails: what a reload has to watch.
    """
    files = set() if files is None else files
    name = str(path) if path else "configuration"
    if path:
        files.add(path)
    tree = read_tree(path) if path else Tree()
    value = tree.value if tree.value is not None else {}
    expansion = Expansion(environ, path.parent if path else FilePath())
    faults = Faults(name, tree, expansion)
    for place, reason in tree.faults:
        faults.at(place, reason)
    if not isinstance(value, dict):
        faults.add((), f"wanted a mapping of keys to values, found {shown(value)}")
        raise ConfigError(faults.sentences())
    return _Load(faults, value, environ, overrides or {}, files).settings()


def read_tree(path: FilePath) -> Tree:
    """The values of a YAML file as they are written; raises ``ConfigError``."""
    name = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ConfigError([f"{name}: wanted at most {MAX_BYTES} bytes, found more"])
        return read(raw.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError([f"{name}: cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError([f"{name}:{line}:1: wanted UTF-8 text, found other bytes"]) from None
    except BadYaml as error:
        place = f"{error.place.line}:{error.place.column}"
        raise ConfigError([f"{name}:{place}: {error.reason}"]) from None


@dataclass
class _Load:
    """One load: validates part by part, so that one fault does not hide another."""

    faults: Faults
    value: dict[str, Any]
    environ: Mapping[str, str]
    overrides: Mapping[str, Any]
    files: set[FilePath]

    def settings(self) -> Settings:
        warnings = self._prepare()
        for key, item in self.overrides.items():
            self._override(tuple(key.split(".")), item)
        self.value = without_blanks(self.value, Settings)
        self.faults.value = self.value
        settings = self._validate(
            self.value
            | self._instances("sinks", sinks.sink_types, sinks.sink_module)
            | self._instances("sources", sources.source_types, sources.source_module)
        )
        cross_check(settings, self.faults)
        sentences = self.faults.sentences()
        if sentences:
            raise ConfigError(sentences)
        warnings += [self.faults.told(path, reason) for path, reason in idle(settings)]
        return settings.with_warnings(warnings)

    def _prepare(self) -> list[str]:
        """Bring the value into sidekick's own shape; returns warnings."""
        if self._is_falcosidekicks():
            translated = compat.translate(self.value, self.environ)
            self.value, self.faults.moved = translated.value, translated.places
            self.faults.variables = frozenset(translated.variables.values())
            if not self.faults.tree.values:
                self.faults.name = "environment"
            for path, variable in translated.variables.items():
                self.faults.expansion.remember(path, variable, self.environ[variable])
            return [f"{self.faults.name}: {warning}" for warning in translated.warnings]
        own = {k: v for k, v in self.value.items() if not k.startswith("x-")}
        self.value = _NO_FILE | self.faults.expansion.expand(own)
        self.files |= self.faults.expansion.files
        for path, reason in self.faults.expansion.faults:
            self.faults.add(path, reason)
        if not own:
            return []
        unread = compat.unread(self.environ, self.value.get("sinks"))
        return [f"{self.faults.name}: {told}" for told in unread]

    def _is_falcosidekicks(self) -> bool:
        if not self.value:
            return compat.switched_on(self.environ)
        return compat.recognise(self.value, Settings.model_fields)

    def _override(self, path: Path, item: Any) -> None:
        self.faults.command_line.add(path)
        self.value = part = dict(self.value)
        for key in path[:-1]:
            inner = part.get(str(key))
            part[str(key)] = part = dict(inner) if isinstance(inner, dict) else {}
        part[str(path[-1])] = item

    def _instances(
        self, key: str, types: Callable[[], list[str]], module: Callable[[str], Any]
    ) -> dict[str, Any]:
        """The sections of the named sinks or sources, each by the class of its own type."""
        given = self.value.get(key, {})
        if not isinstance(given, dict):
            return {}
        if key == "sinks" and len(given) > MAX_SINKS:
            self.faults.add((key,), f"wanted at most {MAX_SINKS} sinks, found {len(given)}")
        loaded = {
            name: self._instance((key, name), item, types, module) for name, item in given.items()
        }
        return {key: {name: one for name, one in loaded.items() if one is not None}}

    def _instance(
        self, path: Path, item: Any, types: Callable[[], list[str]], module: Callable[[str], Any]
    ) -> BaseModel | None:
        if not _NAME.fullmatch(str(path[-1])):
            wanted = 'a name of a-z, 0-9, "_" and "-", 63 characters at most'
            self.faults.add(path, f"wanted {wanted}, found {shown(path[-1])}", key=True)
        if not isinstance(item, dict):
            self.faults.add(path, f"wanted a mapping of keys to values, found {shown(item)}")
            return None
        section = self._class(path, item.get("type"), types, module)
        if section is None:
            return None
        item = self._put(path, without_blanks(item, section))
        self.faults.secrets |= {(*path, *inner): text for inner, text in secrets(item, section)}
        try:
            return section.model_validate(item)
        except ValidationError as error:
            self.faults.add_validation(error, section, path)
            return None

    def _class(
        self, path: Path, name: Any, types: Callable[[], list[str]], module: Callable[[str], Any]
    ) -> type[BaseModel] | None:
        """The section class of that type; None after a fault."""
        if isinstance(name, str) and _TYPE.fullmatch(name):
            try:
                section: type[BaseModel] = module(name).Config
                return section
            except ModuleNotFoundError as error:
                if name in types():
                    self.faults.add((*path, "type"), f'"{name}" cannot be loaded: {error}')
                    return None
        known = types()
        wanted = f"wanted one of {', '.join(known)}"
        if name is None:
            self.faults.add(path, f'wanted the key "type", which is missing; {wanted}')
        else:
            near = did_you_mean(str(name), known)
            self.faults.add((*path, "type"), f"{wanted}, found {shown(name)}{near}")
        return None

    def _put(self, path: Path, item: Any) -> Any:
        """Keep ``item`` as what is validated at ``path``."""
        key, name = path
        self.value[str(key)] = self.value[str(key)] | {name: item}
        return item

    def _validate(self, value: dict[str, Any]) -> Settings:
        """The settings; after a fault those without the faulty keys, for the checks to go on."""
        self.faults.secrets |= dict(secrets(self.value, Settings))
        try:
            return Settings.model_validate(value)
        except ValidationError as error:
            self.faults.add_validation(error, Settings)
            faulty = {one["loc"][0] for one in error.errors() if one["loc"]}
        try:
            return Settings.model_validate({k: v for k, v in value.items() if k not in faulty})
        except ValidationError:
            return Settings()
