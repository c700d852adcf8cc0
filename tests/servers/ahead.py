"""Long work of single tests, done on the second core while other tests run.

A test marked ``@pytest.mark.ahead(does=function)`` gets by the fixture ``ahead`` what the function
gave, or what it raised. The function takes a folder of its own, and gives way to the tests
(``nice``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

NICE = ("nice", "-n", "10")


class Ahead:
    """One piece of work at a time, in the order of the tests."""

    def __init__(self) -> None:
        self._folders = ExitStack()
        self._begun: dict[str, Future[Any]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self.is_begun = False

    def begin(self, items: Sequence[pytest.Item]) -> None:
        """Begin the work of all these tests."""
        self.is_begun = True
        for item in items:
            if item.get_closest_marker("ahead"):
                self._begin(item)

    def result(self, item: pytest.Item) -> Any:
        """What the work of this test gave."""
        return self._begin(item).result()

    def stop(self) -> None:
        """Forget what has not begun."""
        self._thread.shutdown(cancel_futures=True)
        self._folders.close()

    def _begin(self, item: pytest.Item) -> Future[Any]:
        if item.nodeid not in self._begun:
            mark = item.get_closest_marker("ahead")
            assert mark is not None, f"{item.nodeid} has no mark ahead"
            self._begun[item.nodeid] = self._thread.submit(self._do, mark.kwargs["does"])
        return self._begun[item.nodeid]

    def _do(self, work: Callable[[Path], object]) -> object:
        folder = tempfile.TemporaryDirectory(prefix="sidekick-", ignore_cleanup_errors=True)
        return work(Path(self._folders.enter_context(folder)))


AHEAD = Ahead()
