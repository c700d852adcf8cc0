from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidekick.settings import Watcher, changed_sections, load, needs_restart
from sidekick.settings.reload import digest
from tests.settings.conftest import Loader

TEXT = "sinks: {a: {type: notes}}\n"


def test_a_file_changes_when_its_contents_do(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    before = digest([file])
    os.utime(file, (1, 1))
    assert digest([file]) == before
    file.write_text("2")
    assert digest([file]) != before


def test_a_missing_file_differs_from_an_empty_one(tmp_path: Path) -> None:
    before = digest([tmp_path / "a"])
    (tmp_path / "a").touch()
    assert digest([tmp_path / "a"]) != before


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    files[0].write_text("x")
    assert digest(files) == digest(files[::-1])


def test_a_watcher_sees_a_swapped_symbolic_link(tmp_path: Path) -> None:
    """As the kubelet changes a mounted ConfigMap."""
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "sidekick.yaml").write_text(TEXT + f"# {version}\n")
    (tmp_path / "..data").symlink_to("one")
    file = tmp_path / "sidekick.yaml"
    file.symlink_to("..data/sidekick.yaml")
    watcher = Watcher()
    load(file, {}, files=watcher.files)
    assert watcher.changed()
    assert not watcher.changed()
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").rename(tmp_path / "..data")
    assert watcher.changed()
    assert not watcher.changed()


def test_a_watcher_sees_a_file_that_a_secret_comes_from(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one")
    file = tmp_path / "sidekick.yaml"
    file.write_text("sinks: {a: {type: notes, token: '${file:token}'}}\n")
    watcher = Watcher()
    load(file, {}, files=watcher.files)
    watcher.changed()
    (tmp_path / "token").write_text("two")
    assert watcher.changed()


def test_only_sections_that_differ_have_changed(loads: Loader) -> None:
    old = loads(TEXT)
    assert changed_sections(old, loads(TEXT)) == set()
    new = loads("sinks: {a: {type: notes, url: x}}\nlog: {max_age: 1d}\n")
    assert changed_sections(old, new) == {"sinks", "log"}


def test_a_changed_secret_is_a_change(loads: Loader) -> None:
    text = "sinks: {a: {type: notes, token: '${T}'}}\n"
    assert changed_sections(loads(text, T="one"), loads(text, T="two")) == {"sinks"}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", []),
        ("shutdown: {drain: 1s}\n", []),
        ("state_dir: /elsewhere\n", ["state_dir"]),
        ("log: {max_size: 2GiB}\n", ["log.max_size"]),
        ("listen: {port: 1, tls: {cert_file: a, key_file: b}}\n", ["listen.port", "listen.tls"]),
    ],
)
def test_what_was_opened_at_the_start_needs_a_restart(
    loads: Loader, text: str, keys: list[str]
) -> None:
    sentences = needs_restart(loads(TEXT), loads(TEXT + text))
    assert [sentence.split()[0] for sentence in sentences] == keys
    assert all("restart sidekick" in sentence for sentence in sentences)
