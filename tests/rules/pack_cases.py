"""The tests that are kept beside the rule packs, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sidekick.rule_packs import pack_files
from sidekick.rules.case_files import read_suite
from sidekick.rules.cases import Suite

FOLDER = Path(__file__).parents[2] / "config" / "rules" / "tests"
PACKS = tuple(path.stem for path in pack_files() if path.name != "00-macros.yaml")


@cache
def suite_of(pack: str) -> Suite:
    """The tests of a pack."""
    path = FOLDER / f"{pack}.yaml"
    return read_suite(path.read_text(), path.name)
