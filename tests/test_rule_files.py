"""Rule files on disk: files and folders in order, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidekick import rule_files
from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from tests.rules.loading import RULE


def test_files_of_a_folder_are_read_by_name_and_others_left_alone(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.txt", "d.yaml.bak"):
        (tmp_path / name).write_text("- list: l\n  items: [x]\n")
    (tmp_path / "e.yaml").mkdir()
    single = tmp_path / "c.txt"
    found = rule_files.rule_files([single, tmp_path])
    assert found == [single, tmp_path / "a.yml", tmp_path / "b.yaml"]


def test_the_packs_that_are_shipped_have_a_name_wherever_they_are(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    assert rule_files.rule_files(["@packs", own]) == [*pack_files(), own]
    assert rule_files.rule_files(["@packs/core.yaml"]) == [pack_files()[0].parent / "core.yaml"]
    assert rule_files.rule_files([tmp_path / "@packs"]) == [tmp_path / "@packs"]
    rules = load_files(["@packs/gone.yaml"])
    assert [error.code.name for error in rules.errors] == ["LOAD_ERR_FILE_READ"]


def test_what_cannot_be_read_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"- list: \xff\n")
    (tmp_path / "good.yaml").write_text(RULE)
    rules = load_files([tmp_path / "gone.yaml", tmp_path])
    assert not rules.ok
    found = [(error.code.name, Path(error.context.file).name) for error in rules.errors]
    assert found == [("LOAD_ERR_FILE_READ", "gone.yaml"), ("LOAD_ERR_FILE_READ", "latin.yaml")]
    assert "No such file or directory" in rules.errors[0].message
    assert [Path(result.name).name for result in rules.results if result.errors == []] == [
        "good.yaml"
    ]


def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_files, "FILE_LIMIT", 10)
    (tmp_path / "big.yaml").write_text(RULE)
    (found,) = load_files([tmp_path]).errors
    assert found.code.name == "LOAD_ERR_FILE_READ"
    assert "more than" in found.message


def test_a_byte_order_mark_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + RULE.encode())
    assert load_files([tmp_path]).ok
