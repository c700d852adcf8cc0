"""What a reload needs: has a file changed, which sections, and what stays until a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel

from sidekick.settings.model import Settings

MAX_BYTES = 16 * 1024 * 1024

_FIXED = ("state_dir", "listen", "admin", "log", "metrics", "sensor")
"""What is opened once at the start."""


class Watcher:
    """Tells whether any of a set of files has other contents than before.

    Contents count, not times or inodes: Kubernetes swaps a symbolic link to change a mounted
    ConfigMap. Give ``files`` to ``load``, which adds the file and what it refers to.
    """

    def __init__(self) -> None:
        self.files: set[Path] = set()
        self._digest = b""

    def changed(self) -> bool:
        """Whether something differs since the last call; reads the files."""
        before, self._digest = self._digest, digest(self.files)
        return before != self._digest


def digest(files: Iterable[Path]) -> bytes:
    """A hash over names and contents; a file that cannot be read counts as missing."""
    whole = hashlib.blake2b(digest_size=16)
    for file in sorted(files):
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_BYTES)
            mark = b"1" + hashlib.blake2b(content, digest_size=16).digest()
        except OSError:
            mark = b"0"
        whole.update(str(file).encode() + b"\0" + mark)
    return whole.digest()


def changed_sections(old: Settings, new: Settings) -> set[str]:
    """The names of the top-level keys whose values differ."""
    return {n for n in Settings.model_fields if getattr(old, n) != getattr(new, n)}


def needs_restart(started: Settings, new: Settings) -> list[str]:
    """A sentence for each setting that differs from what was in force at the start, and that only
    a restart can put into effect."""
    keys = [key for name in _FIXED for key in _changed(name, started, new)]
    return [f"{key} has changed: restart sidekick to put it into effect" for key in keys]


def _changed(name: str, old: BaseModel, new: BaseModel, prefix: str = "") -> list[str]:
    before, after = getattr(old, name), getattr(new, name)
    if before == after:
        return []
    key = f"{prefix}{name}"
    if not (isinstance(before, BaseModel) and isinstance(after, BaseModel)):
        return [key]
    return [k for n in type(before).model_fields for k in _changed(n, before, after, f"{key}.")]
