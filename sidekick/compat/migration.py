"""Another program's configuration written anew as ours, with the reasons as comments.

No secret is in the text: what a variable holds is referred to as ``${NAME}``, what a file holds as
``${file:...}``, with the file beside the new configuration.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from sidekick.compat.commented_yaml import comment, commented
from sidekick.compat.key import Path, variable
from sidekick.compat.translation import Setting, Translation

SECRETS = "secrets"
"""The folder of secrets beside the new configuration."""


@dataclass(frozen=True)
class Migration:
    """The new configuration; ``secrets`` are the texts of the files that it refers to, by name;
    ``variables`` are those that it refers to and that are new."""

    text: str
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()


def migrate(translation: Translation, origin: str, with_files: bool) -> Migration:
    """The configuration as text; secrets go to files, or else to variables to be set."""
    written: list[_Written] = []
    taken: set[str] = set()
    for setting in translation.settings.values():
        written.append(_Written.of(setting, with_files, taken))
        taken.add(written[-1].name)
    value = replace(translation, settings={one.setting.path: one.setting for one in written}).value
    comments = {one.setting.path: one.comment for one in written}
    head = "".join(f"{line}\n" for line in _head(translation, origin))
    return Migration(
        f"{head}\n{commented(value, comments)}",
        {one.name: f"{one.secret}\n" for one in written if one.secret and with_files},
        tuple(one.name for one in written if one.secret and not with_files),
    )


def _head(translation: Translation, origin: str) -> Iterator[str]:
    yield from comment(f"sidekick's configuration, made by `sidekick migrate` from {origin}.")
    yield from comment(
        "Above each setting stands what it was there, and what is otherwise here and why. All of "
        "them are in docs/configuration.md."
    )
    if translation.warnings:
        yield "#"
        yield from comment("Not taken over:")
        for warning in translation.warnings:
            yield from comment(f"- {warning}")
    if translation.needless:
        yield "#"
        yield from comment("Without a counterpart, since they need none:")
        for key, reason in translation.needless.items():
            yield from comment(f"- {key}: {reason}")


@dataclass(frozen=True)
class _Written:
    """A setting as it is written down; ``secret`` is kept elsewhere under ``name``."""

    setting: Setting
    comment: str
    name: str = ""
    secret: str = ""

    @classmethod
    def of(cls, setting: Setting, with_files: bool, taken: Collection[str]) -> _Written:
        origin = " ".join(filter(None, (setting.key, _in(setting))))
        if setting.variable and setting.whole:
            return cls(_with(setting, f"${{{setting.variable}}}"), _note(origin, setting.why))
        if not setting.secret:
            value = setting.value if setting.raw else _literal(setting.value)
            return cls(replace(setting, value=value), _note(origin, setting.why))
        text = str(setting.value)
        if with_files:
            name = _free(_file_name(setting.path), taken)
            told = f"{origin}; kept in {SECRETS}/{name}, readable by its owner alone"
            reference = f"${{file:{SECRETS}/{name}}}"
        else:
            name = _free(_variable_name(setting), taken)
            told = f"{origin}; not repeated here: set {name} to it, or migrate with -o FILE"
            reference = f"${{{name}}}"
        return cls(_with(setting, reference), _note(told, setting.why), name, text)


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with more at its end if it is taken."""
    while name in taken:
        name += "_"
    return name


def _in(setting: Setting) -> str:
    return f"(variable {setting.variable})" if setting.variable else ""


def _note(origin: str, why: str) -> str:
    return f"{origin}: {why}" if origin and why else origin or why


def _with(setting: Setting, reference: str) -> Setting:
    value = [reference] if isinstance(setting.value, list) else reference
    return replace(setting, value=value)


def _literal(value: Any) -> Any:
    """The value with what would be a reference written as text."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [_literal(item) for item in value]
    if isinstance(value, dict):
        return {name: _literal(item) for name, item in value.items()}
    return value


def _file_name(path: Path) -> str:
    """ "slack-webhook_url" for ("sinks", "slack", "webhook_url")."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", "-".join(map(str, path[1:])))


def _variable_name(setting: Setting) -> str:
    """falcosidekick's own variable of that key; that of a map with the name of the entry."""
    own = variable(setting.key)
    if own.endswith("_HOSTPORT"):
        own += "_PASSWORD"
    if setting.path[-2:-1] == ("headers",):
        own += "_" + re.sub(r"[^A-Z0-9]", "_", str(setting.path[-1]).upper())
    return own
