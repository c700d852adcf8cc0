"""docs/rules.md: its tables are the packs', and its examples load with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from sidekick import rule_table
from sidekick.rule_packs import pack_files
from sidekick.rule_table import BEGIN, END, document_text
from sidekick.rules.config import RulesConfig
from sidekick.rules.load import load
from sidekick.rules.select import select

DOCUMENT = (Path(__file__).parents[1] / "docs" / "rules.md").read_text()
PACKS = [(str(path), path.read_text()) for path in pack_files()]
RULES = re.findall(r"```yaml rules\n(.*?)```", DOCUMENT, re.DOTALL)
SETTINGS = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)


def test_the_tables_are_up_to_date() -> None:
    assert document_text(DOCUMENT) == DOCUMENT, "run make docs"


def test_every_rule_is_in_a_table_once() -> None:
    rules = load(PACKS).rules
    assert rules
    for rule in rules:
        assert DOCUMENT.count(f"| {rule.name} | ") == 1


def test_what_is_around_the_tables_stays(tmp_path: Path) -> None:
    document = tmp_path / "rules.md"
    document.write_text(f"before\n{BEGIN}of yesterday\n{END}after\n")
    rule_table.write(document)
    text = document.read_text()
    assert text.startswith(f"before\n{BEGIN}")
    assert text.endswith(f"{END}after\n")
    assert "of yesterday" not in text


def test_a_row_holds_the_first_sentence_only() -> None:
    (row,) = (line for line in DOCUMENT.splitlines() if line.startswith("| Sudo rules changed |"))
    assert row == (
        "| Sudo rules changed | Error | persistence, privilege escalation: T1548.003 | "
        "The rules of who may become root (sudoers, doas) were written, and not by a package or "
        "by your configuration management. |"
    )


@pytest.mark.parametrize("text", RULES)
def test_an_example_of_tuning_loads_with_the_packs(text: str) -> None:
    rules = load([*PACKS, ("own.yaml", text)])
    assert [found.message for found in (*rules.errors, *rules.warnings)] == []


@pytest.mark.parametrize("text", SETTINGS)
def test_an_example_of_settings_is_one(text: str) -> None:
    config = RulesConfig.model_validate(yaml.safe_load(text)["rules"])
    assert select(load(PACKS), config.choices) == []


def test_there_are_examples_of_both() -> None:
    assert (len(RULES), len(SETTINGS)) == (4, 3)


def test_every_list_that_the_document_names_is_there() -> None:
    lists = load(PACKS).lists
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", DOCUMENT, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"[a-z_]+", row)}
    assert named
    assert named <= lists.keys()
