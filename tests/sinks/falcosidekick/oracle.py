"""Real Go as judge of payloads."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.go_program import GoProgram, go_program

_SOURCE = Path(__file__).with_name("oracle.go")


class Oracle:
    """Answers with what falcosidekick sends, by output and mode; ``{}`` for what it refuses."""

    def __init__(self, program: GoProgram) -> None:
        self._program = program

    def ask(
        self, uuid: str, body: bytes, settings: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """What becomes of a request's body, which gets that uuid; ``settings`` are keys of
        falcosidekick's configuration."""
        asked = {"uuid": uuid, "body": b64encode(body).decode(), "settings": settings or {}}
        told: dict[str, str] = self._program.ask(asked)
        return told


@contextmanager
def oracle() -> Iterator[Oracle]:
    """The program, running; without Go the tests fail in CI and are skipped elsewhere."""
    with go_program(_SOURCE) as program:
        yield Oracle(program)
