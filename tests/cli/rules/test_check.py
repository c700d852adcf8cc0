"""``sidekick rules check``: for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidekick.__main__ import run
from sidekick.cli.rules import _filled
from tests.rules.loading import OFFICIAL_FILES, RULE, needs_official_files

BROKEN = """
- macro: opened
  condition: evt.type in (open, openat)
- rule: A
  desc: d
  condition: >
    opened and proc.name = cat
      and not proc.cmdline contans x
  output: x
  prority: INFO
  priority: INFO
"""


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN)
    return str(path)


def test_errors_and_warnings_have_their_place_and_their_line(
    broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "check", broken]) == 1
    assert capsys.readouterr().out == (
        f"fail  {broken}:8:28: expected a valid check operator: did you mean 'contains'? "
        "(in rule 'A') [LOAD_ERR_COMPILE_CONDITION]\n"
        "            and not proc.cmdline contans x\n"
        "                                 ^\n"
        f"warn  {broken}:10:3: Unknown key 'prority' is ignored; did you mean 'priority'? "
        "(in rule 'A') [LOAD_UNKNOWN_KEY]\n"
        "        prority: INFO\n"
        "        ^\n"
        "1 file: 1 error, 1 warning\n"
    )


def test_json_has_falcos_shape(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "check", "--json", broken]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    (result,) = json.loads(line)["falco_load_results"]
    assert (result["name"], result["successful"]) == (broken, False)
    assert [error["code"] for error in result["errors"]] == ["LOAD_ERR_COMPILE_CONDITION"]
    assert [warning["code"] for warning in result["warnings"]] == ["LOAD_UNKNOWN_KEY"]


@needs_official_files
def test_the_official_files_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "check", *map(str, OFFICIAL_FILES)]) == 0
    out = capsys.readouterr().out
    assert out.endswith("4 files: 141 rules (12 disabled), 0 errors, 0 warnings\n")


def test_fields_that_no_source_fills_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_filled, "_filled_by", lambda source: frozenset({"proc.name", "evt.arg."}))
    path = tmp_path / "a.yaml"
    path.write_text(RULE.replace("%fd.name", "%fd.name %evt.time %evt.arg.flags"))
    assert run(["rules", "check", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("warn  fd.name: no source fills it yet; read by 'A'\n1 file: 1 rule")
    run(["rules", "check", "--json", str(path)])
    assert json.loads(capsys.readouterr().out)["unfilled_fields"] == {"fd.name": ["A"]}


def test_what_a_source_does_not_tell_is_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_filled, "_EXTRACTORS", {"syscall": "sidekick.no_such_module"})
    _filled._filled_by.cache_clear()
    path = tmp_path / "a.yaml"
    path.write_text(RULE)
    assert run(["rules", "check", str(path)]) == 0
    assert "no source fills" not in capsys.readouterr().out
    _filled._filled_by.cache_clear()


def test_nothing_of_a_file_steers_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text('- rule: "A\\e[31m"\n  desc: [\x9b31m]\n')
    assert run(["rules", "check", str(path)]) == 1
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out
    assert "\x9b" not in captured.out


def test_a_file_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "check", "/no/such/rules.yaml"]) == 1
    assert "No such file or directory" in capsys.readouterr().out


def test_a_folder_without_rule_files_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.txt").write_text(RULE)
    assert run(["rules", "check", str(tmp_path)]) == 1
    assert f"there is no rule file (*.yaml, *.yml) in {tmp_path}" in capsys.readouterr().err
