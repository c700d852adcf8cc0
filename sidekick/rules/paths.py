"""``pmatch``: is one of many paths a prefix of this one, component by component?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sidekick.rules.glob import matcher

_GLOB = re.compile(r"[*?[]")


class _Branch:
    __slots__ = ("ends", "globs", "names")

    def __init__(self) -> None:
        self.ends = False
        self.names: dict[str, _Branch] = {}
        self.globs: dict[str, _Branch] = {}


class PathPrefixes:
    """A set of paths as a tree of their components; calling it asks for a path beneath one.

    A component with one of ``*?[`` is a glob. Repeated and trailing slashes do not count; neither
    does the difference between a relative and an absolute path, as in Falco.
    """

    __slots__ = ("_root",)

    def __init__(self, paths: Iterable[str]) -> None:
        self._root = _Branch()
        for path in paths:
            self._add(path)

    def _add(self, path: str) -> None:
        branch = self._root
        for name in filter(None, path.split("/")):
            if branch.ends:
                return
            below = branch.globs if _GLOB.search(name) else branch.names
            branch = below.setdefault(name, _Branch())
        branch.ends = True

    def __call__(self, path: str) -> bool:
        """Is one of the paths equal to this one, or a directory above it?"""
        branches = [self._root]
        if self._root.ends:
            return True
        for name in filter(None, path.split("/")):
            branches = [below for branch in branches for below in _below(branch, name)]
            if any(branch.ends for branch in branches):
                return True
            if not branches:
                return False
        return False


def _below(branch: _Branch, name: str) -> Iterable[_Branch]:
    if name in branch.names:
        yield branch.names[name]
    for pattern, below in branch.globs.items():
        if matcher(pattern)(name):
            yield below
