"""docs/migration.md has every key, as the tables in the code have it."""

from __future__ import annotations

from pathlib import Path

from sidekick.compat.absent import ABSENT
from sidekick.compat.reference import MARK, document_text
from sidekick.compat.strangers import known_keys

DOCUMENT = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()


def test_the_tables_are_up_to_date() -> None:
    assert document_text(DOCUMENT) == DOCUMENT, "run make docs"


def test_every_key_and_every_output_is_in_it() -> None:
    missing = [key for key in (*known_keys(), *ABSENT) if f"| `{key}` |" not in DOCUMENT]
    assert missing == []


def test_its_own_words_stay() -> None:
    assert document_text(f"mine\n{MARK}old").startswith(f"mine\n{MARK}\n## Every key")


def test_a_row_of_a_table_has_the_cells_of_its_heading() -> None:
    cells = 0
    for line in DOCUMENT.splitlines():
        if line.startswith("|--"):
            cells = line.count("|")
        elif line.startswith("| `"):
            assert line.replace("\\|", "").count("|") == cells
