"""Work that is done ahead gives the test what it gave, or fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.ahead import AHEAD


def _write(folder: Path) -> Path:
    (folder / "made").write_text("ahead")
    return folder / "made"


def _fail(folder: Path) -> None:
    raise AssertionError(f"nothing is in {folder}")


@pytest.mark.ahead(does=_write)
def test_a_test_gets_what_was_made_for_it(ahead: Path) -> None:
    assert ahead.read_text() == "ahead"


@pytest.mark.ahead(does=_fail)
def test_work_that_fails_fails_its_test(request: pytest.FixtureRequest) -> None:
    with pytest.raises(AssertionError, match="nothing is in"):
        AHEAD.result(request.node)
