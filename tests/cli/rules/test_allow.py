"""``sidekick rules allow`` for an alert in the log of a hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidekick.rule_files import load_files
from tests.cli.conftest import Hub
from tests.rules.rule_texts import rule


def alert_id(hub: Hub) -> str:
    found = hub("search", "alert.rule = Shell", "--json").stdout.splitlines()[0]
    return str(json.loads(found)["id"])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(rule("Shell", "evt.type = execve and proc.name in (bash, sh)"))
    return path


def test_the_exception_is_printed_ready_to_be_added(hub: Hub, rules: Path) -> None:
    done = hub("rules", "allow", alert_id(hub), str(rules))
    assert done.returncode == 0, done.stderr
    comment, *lines = done.stdout.splitlines()
    assert comment.startswith("# 2026-01-02T10:20:30.123456789Z Warning Shell")
    assert lines == [
        '- rule: "Shell"',
        "  exceptions:",
        '    - name: "proc.name"',
        '      fields: ["proc.name"]',
        '      comps: ["="]',
        "      values:",
        '        - ["bash"]',
        "  override:",
        "    exceptions: append",
    ]
    local = rules.parent / "local.yaml"
    local.write_text(done.stdout)
    assert load_files([rules, local]).ok


def test_an_alert_that_is_not_there_is_told(hub: Hub, rules: Path) -> None:
    done = hub("rules", "allow", "nothing", str(rules))
    assert done.returncode == 1
    assert 'there is no alert "nothing" in the log' in done.stderr


def test_a_rule_that_is_not_there_is_told(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(rule("Shells", "evt.type = execve"))
    done = hub("rules", "allow", alert_id(hub), str(path))
    assert done.returncode == 1
    assert "there is no rule 'Shell'; did you mean 'Shells'?" in done.stderr
