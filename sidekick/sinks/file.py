"""A file of lines, rotated by size and age."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal, TypeVar

from pydantic import Field

from sidekick import document
from sidekick.document import FalcoProperty
from sidekick.errors import Retryable
from sidekick.model import Envelope
from sidekick.section import Duration, Size
from sidekick.sinks import LaneConfig, Sink, SinkConfig
from sidekick.sinks._falco import lines

log = logging.getLogger(__name__)
T = TypeVar("T")

_CLOSE_SECS = 5.0


class Config(SinkConfig):
    """A file of lines, JSON unless it says otherwise."""

    example: ClassVar[str] = """\
type: file
path: /var/log/sidekick/alerts.ndjson
rotate_size: 100MiB
rotate_age: 1d
keep: 14
gzip: true
"""

    type: Literal["file"] = "file"
    path: Path
    """The file; its folder is made when it is missing. Another program may rotate it too: a file
    that was moved away is opened anew."""
    format: Literal["json", "falco", "falco_text"] = "json"
    """`json`: the alert's document, one a line; `falco`: the line that Falco itself writes with
    `json_output`, `falco_text` the one without it."""
    falco_properties: tuple[FalcoProperty, ...] = document.FALCO_PROPERTIES
    """Those of a line of `format: falco` that may be missing, as by `json_include_..._property`."""
    rotate_size: Size = 100 * 1024 * 1024
    """Start a new file before this one would grow larger; 0: never."""
    rotate_age: Duration = 0.0
    """Start a new file at each multiple of this time, `1d` for one at midnight UTC; 0: never."""
    keep: int = Field(10, ge=0)
    """Rotated files that are kept beside the current one; the oldest go first."""
    gzip: bool = False
    """Compress files once they are rotated."""
    fsync: bool = False
    """Wait until the disk has the alerts before they count as delivered."""
    mode: str = Field("640", pattern="^[0-7]{3,4}$")
    """Permissions of new files, as octal text."""
    lane: LaneConfig = LaneConfig(batch_items=500, concurrency=1)


class RotatedFile:
    """The file and its predecessors; every method blocks, and one runs at a time."""

    def __init__(self, config: Config, now: Callable[[], float] = time.time) -> None:
        self._config = config
        self._path = config.path
        self._mode = int(config.mode, 8)
        self._now = now
        self._file: BinaryIO | None = None

    def append(self, text: bytes) -> bool:
        """Add whole lines or nothing; returns whether files were rotated. Raises ``OSError``."""
        file = self._current()
        about = os.fstat(file.fileno())
        rotated = about.st_size > 0 and self._is_over(about, len(text))
        if rotated:
            self._rotate()
            file = self._current()
        self._write(file, text)
        return rotated

    def _is_over(self, about: os.stat_result, more: int) -> bool:
        size, age = self._config.rotate_size, self._config.rotate_age
        if 0 < size < about.st_size + more:
            return True
        # By the last write, not by the birth that Linux does not tell: right after a restart too.
        return age > 0 and about.st_mtime // age < self._now() // age

    def _write(self, file: BinaryIO, text: bytes) -> None:
        size = os.fstat(file.fileno()).st_size
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[file.write(rest) :]
            if self._config.fsync:
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):  # the first reason is the one to tell
                os.ftruncate(file.fileno(), size)  # no half line stays when the disk is full
            raise

    def _current(self) -> BinaryIO:
        """The open file, opened anew if what stands at the path is another one."""
        if self._file is not None:
            try:
                if os.path.samestat(os.fstat(self._file.fileno()), self._path.stat()):
                    return self._file
            except FileNotFoundError:
                pass
            self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._path, "ab", buffering=0, opener=self._open)  # noqa: SIM115
        return self._file

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags, self._mode)

    def _rotate(self) -> None:
        self.close()
        when = f"{datetime.fromtimestamp(self._now(), UTC):%Y%m%dT%H%M%S}"
        taken = {path.name.removesuffix(".gz") for path in self.rotated()}
        names = (f"{self._path.name}.{when}.{n:03}" for n in range(1000))
        name = next(name for name in names if name not in taken)
        self._path.rename(self._path.with_name(name))

    def rotated(self) -> list[Path]:
        """The rotated files, the oldest first."""
        name = re.compile(re.escape(self._path.name) + r"\.\d{8}T\d{6}\.\d{3}(\.gz)?")
        found = self._path.parent.iterdir() if self._path.parent.exists() else ()
        return sorted(path for path in found if name.fullmatch(path.name))

    def tidy(self) -> None:
        """Remove what is not kept and compress what shall be; repeats what was cut short."""
        files = self.rotated()
        for path in files[: max(0, len(files) - self._config.keep)]:
            path.unlink(missing_ok=True)
        if self._config.gzip:
            for path in self.rotated():
                if path.suffix != ".gz":
                    self._compress(path)

    def _compress(self, path: Path) -> None:
        begun, done = path.with_name(path.name + ".gz.tmp"), path.with_name(path.name + ".gz")
        with path.open("rb") as plain, gzip.open(begun, "wb", compresslevel=6) as packed:
            shutil.copyfileobj(plain, packed, 1024 * 1024)
        begun.chmod(self._mode)
        begun.rename(done)
        path.unlink()

    def close(self) -> None:
        """Let go of the file; it is opened again when needed."""
        if self._file is not None:
            self._file.close()
            self._file = None


class FileSink:
    """Writes in a thread, one at a time, so that a slow disk holds up nothing else."""

    def __init__(self, file: RotatedFile, config: Config) -> None:
        self._file = file
        self._path = config.path
        self._line = lines(config.falco_properties)[config.format]
        self._turn = asyncio.Lock()
        self._work: asyncio.Future[Any] | None = None
        self._tidying: asyncio.Task[None] | None = None

    async def send(self, batch: Sequence[Envelope]) -> None:
        if await self._append(b"".join([self._line(e.body) + b"\n" for e in batch])):
            self.tidy()

    async def probe(self) -> None:
        await self._append(b"")

    async def _append(self, text: bytes) -> bool:
        try:
            return await self._run(lambda: self._file.append(text))
        except OSError as error:
            raise Retryable(f"cannot write to {self._path}: {error.strerror}") from error

    async def _run(self, work: Callable[[], T]) -> T:
        """Call in a thread. A thread cannot be cancelled: the next call waits until it is back."""
        async with self._turn:
            if self._work is not None and not self._work.done():
                await asyncio.wait([self._work])
            self._work = doing = asyncio.ensure_future(asyncio.to_thread(work))
            doing.add_done_callback(lambda f: f.cancelled() or f.exception())
            return await asyncio.shield(doing)

    def tidy(self) -> None:
        """See to the rotated files, beside what else is done."""
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy())

    async def _tidy(self) -> None:
        try:
            await asyncio.to_thread(self._file.tidy)
        except OSError as error:
            about = {"path": str(self._path), "error": error.strerror}
            log.warning("cannot tidy rotated files", extra=about)

    async def close(self) -> None:
        """Wait a little for what is being done."""
        doing = [f for f in (self._work, self._tidying) if f is not None and not f.done()]
        if doing:
            await asyncio.wait(doing, timeout=_CLOSE_SECS)
        if self._work is None or self._work.done():
            self._file.close()


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """The file is opened with the first alert, and again after a fault."""
    sink = FileSink(RotatedFile(config), config)
    sink.tidy()
    try:
        yield sink
    finally:
        await sink.close()
