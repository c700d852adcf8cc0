"""Performs an act: in a child, inside a container or not, and cleans up after it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidekick.acts.act import Act
from sidekick.acts.scene import Scene, ending
from sidekick.errors import SidekickError

_MOUNT = re.compile(r"^\S+ (\S+) (cgroup2?) (\S+)", re.MULTILINE)


class NotPerformed(SidekickError):
    """An act could not be performed; the sentence says why."""


def perform(act: Act, *, container: bool = False) -> None:
    """Perform it; raises NotPerformed.

    ``container``: in a control group named as Docker names those of its containers, which is all
    that makes a process one of a container; acts that mean nothing elsewhere always are.
    """
    with (
        tempfile.TemporaryDirectory(prefix="sidekick-act-") as folder,
        _control_group(container or act.container) as groups,
    ):
        child = os.fork()
        if child == 0:
            _perform_and_exit(act, Path(folder), groups)
        _, status = os.waitpid(child, 0)
    if status:
        raise NotPerformed(f"{act.name} was not performed; it needs root on Linux")


def _perform_and_exit(act: Act, folder: Path, groups: list[Path]) -> None:
    with ending():
        for group in groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))
        os.chdir(folder)
        scene = Scene(folder)
        if act.files:
            scene.show(act.files)
        if act.network:
            scene.leave_the_network()
        # What belongs to a container is told when a process is born or starts a program.
        scene.below((), lambda: act.perform(scene))


@contextmanager
def _control_group(wanted: bool) -> Iterator[list[Path]]:
    """Control groups of a container that there is not, one a hierarchy."""
    if not wanted:
        yield []
        return
    name = f"docker/{os.urandom(32).hex()}"
    mounts = _MOUNT.findall(Path("/proc/mounts").read_text())
    roots = [
        Path(place) for place, kind, options in mounts if kind == "cgroup2" or "memory" in options
    ]
    groups = [root / name for root in roots]
    try:
        for group in groups:
            group.mkdir(parents=True)
        yield groups
    except OSError as error:
        raise NotPerformed(f"a control group cannot be made: {error}") from None
    finally:
        for group in groups:
            if group.is_dir():
                group.rmdir()
