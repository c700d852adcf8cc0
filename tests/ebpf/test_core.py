"""Fields that the programs read are there in kernels that are not this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidekick.ebpf.probe import object_path
from tests.ebpf.core import Types, fields_asked_for, missing_fields

KERNELS = sorted(Path(__file__).with_name("kernels").glob("*.btf"))
"""Types of distributions' kernels, as far as our objects name them (bpftool gen min_core_btf)."""

OF_SOME_KERNELS = {
    "inode___timespec.i_ctime",
    "inode___timespec.i_mtime",
    "inode___private.__i_ctime",
    "inode___private.__i_mtime",
    "inode___split.i_ctime_sec",
    "inode___split.i_ctime_nsec",
    "inode___split.i_mtime_sec",
    "inode___split.i_mtime_nsec",
    "kernfs_node.parent",
    "kernfs_node___rcu.__parent",
}
"""The programs ask for these only where they are: see core_fixes.bpf.h."""


def _outer(field: str) -> str:
    return ".".join(field.split(".")[:2])


def test_the_object_asks_for_what_the_programs_read() -> None:
    asked = {
        ".".join([name, *path])
        for name, path in fields_asked_for(object_path("x86_64").read_bytes())
    }

    assert {"task_struct.tgid", "mount.mnt.mnt_root", "pt_regs.orig_ax"} <= asked
    assert len(asked) > 80


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda path: path.stem)
def test_a_kernel_has_every_field_that_is_not_of_some_kernels_only(kernel: Path) -> None:
    types = Types(kernel.read_bytes())

    missing = missing_fields(object_path("x86_64").read_bytes(), types)

    assert {_outer(field) for field in missing} <= OF_SOME_KERNELS
    for member in ("c", "m"):
        ways = {f"inode___{way}" for way in ("timespec", "private", "split")}
        assert ways - {field.split(".")[0] for field in missing if f"{member}time" in field}
    assert not {"kernfs_node.parent", "kernfs_node___rcu.__parent"} <= missing


def test_a_field_that_no_kernel_has_is_missed() -> None:
    types = Types(KERNELS[0].read_bytes())

    assert types.has("task_struct", ["tgid"])
    assert not types.has("task_struct", ["nonsense"])
    assert not types.has("nonsense", ["tgid"])
