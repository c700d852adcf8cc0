"""A hook of mkdocs: pages may link to files of the project; those come along under ``files/``."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"\]\(\.\./([^)#\s]+)([^)\s]*)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add each file outside of ``docs`` that some page links to."""
    pages = [file for file in files if file.src_uri.endswith(".md")]
    wanted = {path for page in pages for path, _ in _LINK.findall(page.content_string)}
    for path in sorted(wanted):
        source = ROOT / path
        if source.is_file():
            # As text: browsers would offer a YAML file for download.
            shown = File.generated(config, _place(path), content=source.read_text())
            files.append(shown)
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Lead the links there."""
    up = posixpath.relpath(".", posixpath.dirname(page.file.src_uri) or ".")
    return _LINK.sub(lambda found: f"]({up}/{_place(found[1])})", markdown)


def _place(path: str) -> str:
    return f"files/{path}.txt"
