"""Alerts on disk while the hub is away: in the order in which they came, within a bound."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from sidekick.errors import ConfigError

_SEGMENT_BYTES = 1024 * 1024
_SUFFIX = ".ndjson"
_PATIENCE_SECS = 8.0  # of a sensor whose predecessor still writes down what it has


class Outbox:
    """Segments of lines in a folder. ``dropped`` counts the lines that left for want of room.

    A line that was being written when the machine failed may be cut short; the hub tells such a
    line from an alert.
    """

    def __init__(self, folder: Path, limit: int, patience_secs: float = _PATIENCE_SECS) -> None:
        """Raises OSError if the folder cannot be used, ConfigError if somebody else still uses it
        after ``patience_secs``."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self.close = weakref.finalize(self, os.close, _locked(folder, patience_secs))
        """Let others use the folder; this one is of no use after it."""
        self._limit = limit
        self._sizes: dict[Path, int] = {}
        self._segments: deque[Path] = deque()
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            self._segments.append(path)
            self._sizes[path] = path.stat().st_size
        last = self._segments[-1].stem if self._segments else ""
        self._number = int(last) if last.isdigit() else 0
        self._open = False
        self.dropped = 0

    def __bool__(self) -> bool:
        return bool(self._segments)

    @property
    def size(self) -> int:
        """What it holds."""
        return sum(self._sizes.values())

    def append(self, lines: Sequence[bytes]) -> None:
        """Keep lines, none with a newline in it; raises OSError if the disk takes not all."""
        text = b"".join(line + b"\n" for line in lines)
        path = self._segment()
        self._write(path, text)
        self._sizes[path] += len(text)
        while self.size > self._limit and len(self._segments) > 1:
            oldest = self._segments[0]
            self.dropped += oldest.read_bytes().count(b"\n")
            self.remove(oldest)

    def _write(self, path: Path, text: bytes) -> None:
        """All or nothing: a disk that is full takes a part, and the next line would join it."""
        with path.open("ab", buffering=0) as file:
            try:
                rest = memoryview(text)
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                with contextlib.suppress(OSError):  # the first reason is the one to tell
                    file.truncate(self._sizes[path])
                raise

    def oldest(self) -> tuple[Path, bytes] | None:
        """The oldest segment and what is in it; it is not added to any more."""
        while self._segments:
            path = self._segments[0]
            if path is self._segments[-1]:
                self._open = False
            content = path.read_bytes()
            if content:
                return path, content
            self.remove(path)
        return None

    def remove(self, path: Path) -> None:
        """The hub has it, or nobody wants it; one that has gone already is no fault."""
        if self._sizes.pop(path, None) is None:
            return
        self._segments.remove(path)
        path.unlink(missing_ok=True)

    def _segment(self) -> Path:
        """The segment that takes lines now."""
        last = self._segments[-1] if self._segments else None
        if self._open and last is not None and self._sizes[last] < _SEGMENT_BYTES:
            return last
        self._number += 1
        path = self._folder / f"{self._number:016d}{_SUFFIX}"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._segments.append(path)
        self._sizes[path] = 0
        self._open = True
        return path


def _locked(folder: Path, patience_secs: float) -> int:
    """A descriptor that keeps others out as long as it is open, or its process lives."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    until = time.monotonic() + patience_secs
    while not _lock(number):
        if time.monotonic() >= until:
            os.close(number)
            wanted = "give each a state directory of its own (--state)"
            raise ConfigError([f"{folder}: another sensor keeps its alerts there; {wanted}"])
        time.sleep(0.05)
    return number


def _lock(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
