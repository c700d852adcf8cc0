"""``sidekick rules diff``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sidekick.__main__ import run
from tests.rules.rule_texts import rule

Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writer(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return writer


OLD = rule("A", "evt.type = open and proc.name = cat") + rule("B", "evt.num = 1")
NEW = rule("A", "evt.type = open and proc.name = nc", priority="ERROR") + rule("C", "evt.num = 1")


def test_it_tells_what_came_what_went_and_what_changed(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "diff", write("old.yaml", OLD), write("new.yaml", NEW)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "+ C (Warning, syscall)",
        "- B (Warning, syscall)",
        "~ A",
        "    priority:",
        "  -   Warning",
        "  +   Error",
        "    condition:",
        "  -   (evt.type = open and proc.name = cat)",
        "  +   (evt.type = open and proc.name = nc)",
        "1 rule added, 1 removed, 1 changed, 0 moved",
    ]


def test_json_has_the_same(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "diff", "--json", write("old.yaml", OLD), write("new.yaml", NEW)]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "added": ["C"],
        "removed": ["B"],
        "changed": [
            {
                "rule": "A",
                "changes": {
                    "priority": {"old": "Warning", "new": "Error"},
                    "condition": {
                        "old": "(evt.type = open and proc.name = cat)",
                        "new": "(evt.type = open and proc.name = nc)",
                    },
                },
            }
        ],
        "moved": [],
    }


def test_without_a_difference_it_exits_with_0(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("old.yaml", OLD)
    assert run(["rules", "diff", path, path]) == 0
    assert capsys.readouterr().out == "0 rules added, 0 removed, 0 changed, 0 moved\n"


def test_files_that_change_others_are_compared_on_their_base(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write("base.yaml", OLD)
    one = write("one.yaml", "- rule: A\n  enabled: false\n")
    other = write("other.yaml", "[]")
    assert run(["rules", "diff", "--base", base, one, other]) == 1
    assert "  -   false\n  +   true\n" in capsys.readouterr().out


def test_faults_are_told(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("old.yaml", "- rule: A\n")
    assert run(["rules", "diff", path, path]) == 1
    assert f"{path}:1:3: Item has no mapping" in capsys.readouterr().err
