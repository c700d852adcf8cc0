"""Reads rule files from disk: the one place where the rule language meets the file system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sidekick.errors import ConfigError
from sidekick.rule_packs import SHIPPED, shipped
from sidekick.rules.append import with_static
from sidekick.rules.config import RulesConfig
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.findings import Code, Context, FileResult
from sidekick.rules.load import load
from sidekick.rules.ruleset import RuleSet

FILE_LIMIT = 64 * 1024 * 1024
_SUFFIXES = (".yaml", ".yml")


def rule_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files among the paths and in the directories among them, sorted there by name.

    ``@packs`` stands for the packs that are shipped; see ``sidekick.rule_packs``.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if (packs := shipped(path)) is not None:
            found += packs
        elif path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES and p.is_file())
        else:
            found.append(path)
    return found


def rule_paths(config: RulesConfig, files: Sequence[Path] = ()) -> list[Path]:
    """Every rule file, as of now: of ``files`` if there are some, of the configuration, or of the
    packs."""
    return rule_files([*files] or config.files or [SHIPPED])


def load_configured(config: RulesConfig, files: Sequence[Path] = ()) -> RuleSet:
    """The rules of the files of ``rule_paths``, with the configuration's static fields known.

    Raises ConfigError if there is no file at all.
    """
    paths = rule_paths(config, files)
    if not paths:
        where = ", ".join(map(str, files or config.files))
        raise ConfigError([f"there is no rule file (*.yaml, *.yml) in {where}"])
    return load_files(paths, sources=with_static(SOURCES, config.static_fields))


def load_files(
    paths: Iterable[str | Path], *, sources: Mapping[str, FieldRegistry] = SOURCES
) -> RuleSet:
    """The rules of some files; ``RuleSet.ok`` tells whether they can be used."""
    texts: list[tuple[str, str]] = []
    unread: list[FileResult] = []
    for path in rule_files(paths):
        try:
            if path.stat().st_size > FILE_LIMIT:
                raise OSError(f"it has more than {FILE_LIMIT // 2**20} MiB")
            texts.append((str(path), path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as fault:
            result = FileResult(str(path))
            reason = f"Could not read {path}: {getattr(fault, 'strerror', None) or fault}"
            result.warn(Code.LOAD_ERR_FILE_READ, reason, Context.of_file(str(path)))
            unread.append(result)
    return load(texts, sources=sources, unread=unread)
