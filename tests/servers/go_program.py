"""A program of one Go file, built once into the cache of the tests, that answers line by line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import places
from tests.servers.unavailable import unavailable


class GoProgram:
    """Running; each line of JSON is answered by one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, asked: Any) -> Any:
        """The answer to one line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def go_program(source: Path) -> Iterator[GoProgram]:
    """The program, running; without Go the tests fail in CI and are skipped elsewhere."""
    go = places.go()
    if go is None:
        reason = "there is no Go: run tests/servers/install.py"
        unavailable(reason)
    process = subprocess.Popen([_built(go, source)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield GoProgram(process)
    finally:
        process.communicate(timeout=10)


def _built(go: Path, source: Path) -> Path:
    """Two that build at once do no harm: each puts a whole program in place."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    program = places.cache_dir() / f"{source.parent.name}-oracle-{digest}"
    if not program.exists():
        places.cache_dir().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=places.cache_dir()) as folder:
            half = Path(folder) / "oracle"
            subprocess.run([go, "build", "-o", half, source], check=True, cwd=folder)
            half.rename(program)
    return program
