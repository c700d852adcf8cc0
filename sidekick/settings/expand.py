"""``${NAME}``, ``${NAME:-default}`` and ``${file:/path}`` in the texts of a file.

What they stand for is remembered, so that no message shows it. ``$${`` is a literal ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from sidekick.settings.tree import Path

MAX_FILE_BYTES = 1024 * 1024

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@dataclass
class Expansion:
    """Expands texts and keeps what it found out on the way.

    ``origins`` has the reference of each path whose text was expanded, ``texts`` what came from
    outside there, ``files`` every file that was asked for, also those that are missing.
    """

    environ: Mapping[str, str]
    folder: FilePath
    origins: dict[Path, str] = field(default_factory=dict)
    texts: dict[Path, set[str]] = field(default_factory=dict)
    files: set[FilePath] = field(default_factory=set)
    faults: list[tuple[Path, str]] = field(default_factory=list)

    def expand(self, value: Any, path: Path = ()) -> Any:
        """The same value with every text in it expanded."""
        if isinstance(value, dict):
            return {key: self.expand(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item, (*path, i)) for i, item in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._text(value, path)
        return value

    def remember(self, path: Path, reference: str, text: str) -> str:
        """Note that ``text`` came from outside; returns it."""
        self.origins[path] = reference
        self.texts.setdefault(path, set()).add(text)
        return text

    def _text(self, text: str, path: Path) -> str:
        def replace(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            return self._stand_in(match, path)

        expanded = _REFERENCE.sub(replace, text)
        if path in self.origins:
            self.texts[path].add(expanded)
        return expanded

    def _stand_in(self, match: re.Match[str], path: Path) -> str:
        """The text for one reference; "" after a fault."""
        inner = match[1]
        if not match[0].endswith("}"):
            return self._fault(path, 'wanted a "}" after "${"; write "$${" for the two characters')
        if inner.startswith("file:"):
            return self.remember(path, match[0], self._file(inner[5:], path))
        name = _NAME.fullmatch(inner)
        if not name:
            what = "wanted ${NAME}, ${NAME:-default} or ${file:/path}"
            return self._fault(path, f'{what}, found "{match[0]}"; write "$${{" for "${{"')
        return self._variable(name[1], name[2], path)

    def _variable(self, name: str, default: str | None, path: Path) -> str:
        text = self.environ.get(name)
        if default is not None:
            return self.remember(path, f"${{{name}}}", text) if text else default
        if text is None:
            return self._fault(path, f"the environment variable {name} is not set")
        return self.remember(path, f"${{{name}}}", text)

    def _file(self, name: str, path: Path) -> str:
        file = self.folder / name
        self.files.add(file)
        try:
            with file.open("rb") as stream:
                raw = stream.read(MAX_FILE_BYTES + 1)
            if len(raw) > MAX_FILE_BYTES:
                return self._fault(path, f"{file}: wanted at most 1 MiB, found more")
            return raw.decode().removesuffix("\n").removesuffix("\r")
        except OSError as error:
            return self._fault(path, f"{file} cannot be read: {error.strerror or error}")
        except (UnicodeDecodeError, ValueError):
            return self._fault(path, "wanted the name of a file with UTF-8 text in it")

    def _fault(self, path: Path, reason: str) -> str:
        self.faults.append((path, reason))
        return ""
