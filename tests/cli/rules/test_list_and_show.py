"""``sidekick rules list`` and ``show``, and which rules of which files the commands take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidekick.__main__ import run
from sidekick.rule_packs import pack_files

RULES = """
- list: shells
  items: [bash, sh]
- macro: spawned
  condition: evt.type in (execve, execveat)
- rule: Shell
  desc: a shell was started
  condition: spawned and proc.name in (shells)
  output: shell=%proc.name by=%user.name
  priority: NOTICE
  tags: [T1059, shell]
- rule: Anything
  desc: whatever
  condition: proc.name exists
  output: x
  priority: DEBUG
  enabled: false
  tags: [noisy]
  warn_evttypes: false
- rule: Not opened
  desc: rather much
  condition: not evt.type in (open, openat, openat2, close, read)
  output: x
  priority: INFO
  warn_evttypes: false
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return str(path)


def rows(text: str) -> dict[str, list[str]]:
    """The cells of a table by the first."""
    lines = [[cell for cell in line.split("  ") if cell] for line in text.splitlines()[1:]]
    return {cells[0]: [cell.strip() for cell in cells[1:]] for cells in lines}


def states(output: str) -> dict[str, str]:
    return {name: cells[2] for name, cells in rows(output).items()}


def test_list_has_a_line_a_rule_in_order(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "list", rules]) == 0
    found = rows(capsys.readouterr().out)
    assert list(found) == ["Shell", "Anything", "Not opened"]
    assert found["Shell"] == ["Notice", "syscall", "on", "execve, execveat", "T1059, shell"]
    assert found["Anything"] == ["Debug", "syscall", "off", "all", "noisy"]
    assert found["Not opened"][3] == "all but close, open, openat, openat2 and 1 more"


def test_show_has_all_that_is_known(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "show", "Shell", rules]) == 0
    out = capsys.readouterr().out
    for line in (
        "Description:         a shell was started",
        f"Written in:          {rules}:6",
        "Event types:         execve, execveat",
        "Fields:              evt.type, proc.name",
        "Output fields:       proc.name, user.name",
        "  (evt.type in (execve, execveat) and proc.name in (bash, sh))",
    ):
        assert line in out.splitlines()


def test_json_has_a_line_a_rule(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["rules", "list", "--json", rules])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    run(["rules", "show", "--json", "Shell", rules])
    assert json.loads(capsys.readouterr().out) == found[0]
    shell = found[0]
    assert shell["condition"] == "spawned and proc.name in (shells)"
    assert shell["expanded"] == "(evt.type in (execve, execveat) and proc.name in (bash, sh))"
    assert shell["event_types"] == ["execve", "execveat"]
    assert (shell["file"], shell["line"]) == (rules, 6)
    assert found[1]["event_types"] == "all"
    assert "open" not in found[2]["event_types"]


def test_a_rule_that_is_not_there_is_told_with_one_that_is(
    rules: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "show", "Shel", rules]) == 1
    assert "there is no rule 'Shel'; did you mean 'Shell'?" in capsys.readouterr().err


def test_faulty_files_are_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("- list: a\n- list: b\n")
    assert run(["rules", "list", str(path)]) == 1
    captured = capsys.readouterr()
    assert f"Error: {path}:1:3: Item has no mapping for key 'items'" in captured.err


def test_a_condition_beyond_measure_is_not_written_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["- macro: m0\n  condition: evt.num = 0\n"]
    lines += (
        f"- macro: m{n}\n  condition: (m{n - 1} and evt.num > {n}) or (m{n - 1} and m0)\n"
        for n in range(1, 60)
    )
    rule = RULES.replace("spawned and", "m59 and")
    path = tmp_path / "a.yaml"
    path.write_text("".join(lines) + rule)
    assert run(["rules", "show", "Shell", str(path)]) == 0
    assert "too many to write out" in capsys.readouterr().out
    assert run(["rules", "show", "--json", "Shell", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["expanded"] is None


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), "on off on"),
        (("-t", "noisy"), "off on off"),
        (("-t", "noisy", "-t", "shell"), "on on off"),
        (("-T", "shell"), "off off on"),
        (("-D", "opened"), "on off off"),
        (("-D", "n"), "on off off"),
        (("-t", "shell", "-D", "Shell"), "on off off"),
    ],
)
def test_rules_are_chosen_as_by_falco(
    rules: str, options: tuple[str, ...], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "list", *options, rules]) == 0
    assert " ".join(states(capsys.readouterr().out).values()) == wanted


def test_a_choice_without_answer_is_told(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["rules", "list", "-t", "shel", rules])
    err = capsys.readouterr().err
    assert err == "Warning: no rule has the tag 'shel'; did you mean 'shell'?\n"


def test_tags_are_wanted_or_unwanted(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "list", "-t", "a", "-T", "b", rules]) == 2
    assert "cannot be used together" in capsys.readouterr().err


def test_a_configuration_names_files_and_chooses(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "sidekick.yaml"
    config.write_text(
        f"rules:\n  files: [{rules}]\n  select:\n"
        "    - disable: {rule: '*'}\n    - enable: {tag: noisy}\n    - enable: {rule: 'Not*'}\n"
    )
    assert run(["rules", "list", "-c", str(config)]) == 0
    assert list(states(capsys.readouterr().out).values()) == ["off", "on", "on"]


def test_without_files_our_own_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "list", "--json"]) == 0
    files = {json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()}
    assert files <= set(map(str, pack_files()))


def test_the_group_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("check", "list", "show"))
