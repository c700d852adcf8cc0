"""Reads rule files from disk: the one place where the rule language meets the file system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sidekick.rule_packs import shipped
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
