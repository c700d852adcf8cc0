"""Real Go as judge of payloads: ``oracle.go``, built once into the cache of the tests."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import places

_SOURCE = Path(__file__).with_name("oracle.go")


class Oracle:
    """Answers with what falcosidekick sends, by output and mode; ``{}`` for what it refuses."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, uuid: str, body: bytes) -> dict[str, str]:
        """What becomes of a request's body, which gets that uuid."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"uuid": uuid, "body": b64encode(body).decode()}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        told: dict[str, str] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def oracle() -> Iterator[Oracle]:
    """The program, running; without Go the tests fail in CI and are skipped elsewhere."""
    go = places.go()
    if go is None:
        reason = "there is no Go: run tests/servers/install.py"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    process = subprocess.Popen([_built(go)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Oracle(process)
    finally:
        process.communicate(timeout=10)


def _built(go: Path) -> Path:
    """Two that build at once do no harm: each puts a whole program in place."""
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    program = places.cache_dir() / f"falcosidekick-oracle-{digest}"
    if not program.exists():
        places.cache_dir().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=places.cache_dir()) as folder:
            half = Path(folder) / "oracle"
            subprocess.run([go, "build", "-o", half, _SOURCE], check=True, cwd=folder)
            half.rename(program)
    return program
