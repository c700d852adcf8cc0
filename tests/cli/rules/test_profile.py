"""``sidekick rules profile``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.rules.conftest import Command
from tests.rules.rule_texts import rule


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Rules and events."""
    rule_file, events = tmp_path / "rules.yaml", tmp_path / "events.ndjson"
    rule_file.write_text(
        rule("Cat", "evt.type = open and proc.name = cat") + rule("Never", "evt.type = close")
    )
    lines = [{"type": "open", "fields": {"proc.name": name}} for name in ("cat", "dd")]
    events.write_text("\n".join(map(json.dumps, lines)))
    return rule_file, events


def test_a_table_and_what_all_cost_together(rules: Command, files: tuple[Path, Path]) -> None:
    done = rules("profile", "--rules", *files)
    assert done.code == 0
    assert done.lines[0].split() == ["EVENTS", "HITS", "ALERTS", "NS", "SHARE", "RULE"]
    first, second = (line.split() for line in done.lines[1:])
    assert (first[:3], first[-1]) == (["2", "1", "1"], "Cat")
    assert second == ["0", "0", "0", "0", "0.0%", "Never"]
    assert "2 rules together" in done.err


def test_json_and_a_limit(rules: Command, files: tuple[Path, Path]) -> None:
    done = rules("profile", "--rules", *files, "--json", "--limit", "1")
    (found,) = map(json.loads, done.lines)
    assert found.pop("cost_ns") > 0
    assert found == {"rule": "Cat", "events": 2, "hits": 1, "alerts": 1}


def test_without_events_there_is_nothing_to_time(rules: Command, files: tuple[Path, Path]) -> None:
    done = rules("profile", "--rules", files[0], "-", stdin="x\n")
    assert done.code == 1
    assert "there is no event" in done.err
