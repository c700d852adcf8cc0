"""The commands in this process: what they print, and their exit code."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import pytest

from sidekick.__main__ import run


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of its output."""
        return self.out.splitlines()


Command: TypeAlias = Callable[..., Done]


@pytest.fixture
def rules(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs ``sidekick rules ...``; ``stdin`` is what it reads."""

    def command(*words: object, stdin: str | bytes = b"") -> Done:
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = run(["rules", *map(str, words)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        assert "fault in sidekick" not in err
        return Done(code, out, err)

    return command
