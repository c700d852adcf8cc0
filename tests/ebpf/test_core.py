"""Fields that the programs read are there in kernels that are not this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidekick.ebpf.libbpf import BpfError
from sidekick.ebpf.probe import OLDEST_KERNEL, _unavailable, object_path
from tests.ebpf.core import Types, fields_asked_for, missing_fields, structures_in_doubt

KERNELS = sorted(Path(__file__).with_name("kernels").glob("*.btf"))
"""Types of kernels, as far as our objects name them (bpftool gen min_core_btf): of Debian's
package, and of those that the Go module github.com/cilium/ebpf has for its tests: 5.11 in its
v0.5.0, 5.18 in v0.9.3, 6.8 in v0.17.1."""


def test_the_object_asks_for_what_the_programs_read() -> None:
    asked = {
        ".".join([name, *path])
        for name, path in fields_asked_for(object_path("x86_64").read_bytes())
    }

    assert {"task_struct.tgid", "mount.mnt.mnt_root", "pt_regs.orig_ax"} <= asked
    assert len(asked) > 80


def test_the_oldest_kernel_that_we_name_is_among_them() -> None:
    page = (Path(__file__).parents[2] / "docs/sensor.md").read_text()

    oldest = ".".join(map(str, OLDEST_KERNEL))

    assert f"A kernel from {oldest} on" in page
    assert f"linux-{oldest}" in {path.stem for path in KERNELS}


@pytest.mark.parametrize(
    ("release", "errno", "sentence"),
    [
        ("5.10.0-32-amd64", 22, "needs a kernel from 5.11 on; this is 5.10.0-32-amd64"),
        ("4.18.0-553.el8", 22, "needs a kernel from 5.11 on; this is 4.18.0-553.el8"),
        ("5.11.0", 22, "the kernel 5.11.0 refuses the sensor: "),
        ("5.10.0", 1, "needs root, or CAP_BPF and CAP_PERFMON"),
    ],
)
def test_a_kernel_that_is_too_old_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, release: str, errno: int, sentence: str
) -> None:
    monkeypatch.setattr("platform.release", lambda: release)

    assert sentence in str(_unavailable(BpfError(errno, "cannot load")))


def test_missing_rights_are_one_line() -> None:
    refused = BpfError(1, "cannot load: Operation not permitted\n  libbpf: is the kernel too old?")

    assert str(_unavailable(refused)).endswith("cannot load: Operation not permitted")


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda path: path.stem)
@pytest.mark.parametrize("machine", ["x86_64"])
def test_a_kernel_has_every_field_that_the_object_does_not_ask_for_first(
    kernel: Path, machine: str
) -> None:
    object_ = object_path(machine).read_bytes()
    doubted = structures_in_doubt(object_)

    missing = missing_fields(object_, Types(kernel.read_bytes()))

    certain = {field for field in missing if field.split(".")[0].partition("___")[0] not in doubted}
    assert certain == set()
    for member in ("c", "m"):
        ways = {f"inode___{way}" for way in ("timespec", "private", "split")}
        assert ways - {field.split(".")[0] for field in missing if f"{member}time" in field}
    assert not {"kernfs_node.parent", "kernfs_node___rcu.__parent"} <= missing


def test_what_is_asked_for_first_is_what_kernels_differ_in() -> None:
    doubted = structures_in_doubt(object_path("x86_64").read_bytes())

    assert {"inode", "kernfs_node", "io_open", "io_link", "io_socket"} <= doubted
    assert not {"file", "dentry", "mount", "cred", "pid", "signal_struct", "sock"} & doubted


def test_a_field_that_no_kernel_has_is_missed() -> None:
    types = Types(KERNELS[0].read_bytes())

    assert types.has("task_struct", ["tgid"])
    assert not types.has("task_struct", ["nonsense"])
    assert not types.has("nonsense", ["tgid"])
