"""Text for a terminal: nothing that an alert says may steer it."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec

_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Control characters (C0, DEL, C1), and the invisible ones that reorder or hide text."""
_LEAST_ROOM = 20
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_COLOURS: dict[str, dict[str, Any]] = {
    "emergency": {"fg": "bright_red", "bold": True, "reverse": True},
    "alert": {"fg": "bright_red", "bold": True},
    "critical": {"fg": "red", "bold": True},
    "error": {"fg": "red"},
    "warning": {"fg": "yellow"},
    "notice": {"fg": "cyan"},
    "ok": {"fg": "green"},
    "running": {"fg": "green"},
    "active": {"fg": "green"},
    "fail": {"fg": "red", "bold": True},
    "paused": {"fg": "red"},
    "warn": {"fg": "yellow"},
    "opening": {"fg": "yellow"},
}


def safe(text: str) -> str:
    """The text on one line, with what could steer a terminal written as escapes."""
    return _STEERING.sub(_escape, text)


def safe_json(text: str) -> str:
    """JSON text of one line that means the same and cannot steer a terminal."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def coloured(word: str) -> str:
    """A priority or a state in its colour; click leaves colours out where they do not belong."""
    return click.style(word, **_COLOURS.get(word.strip().lower(), {}))


def print_json(data: Any) -> None:
    """Any data as one line of JSON."""
    click.echo(safe_json(msgspec.json.encode(data).decode()))


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[Any]], *, clip: bool = False
) -> None:
    """Columns as wide as their widest cell; numbers to the right; the last one is not padded.

    ``clip``: on a terminal the last one takes no second line.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(headings, *cells, strict=True)]
    if clip and sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * len(widths[:-1])
        cells = [[*row[:-1], _clipped(row[-1], max(room, _LEAST_ROOM))] for row in cells]
    numeric = [all(_is_number(row[n]) for row in cells) for n in range(len(headings))]
    _print_row(headings, widths, numeric)
    for row in cells:
        _print_row(row, widths, numeric)


def _print_row(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> None:
    padded = [
        " " * (width - _width(cell)) + cell if right else cell + " " * (width - _width(cell))
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]
    click.echo("  ".join(map(coloured, [*padded[:-1], padded[-1].rstrip()])))


def _width(text: str) -> int:
    """Columns of a terminal that the text takes: two for East Asian letters and most emoji."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _clipped(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) >= width:
        text = text[:-1]
    return text + "…"


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else safe(str(value))


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").isdigit()


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 alert", "2 alerts": the number with the right word."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def length(seconds: float) -> str:
    """A length of time for a person: "250ms", "12s", "3m", "5h", "2d"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def size(count: float) -> str:
    """Bytes for a person: "512 B", "1.5 MiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
