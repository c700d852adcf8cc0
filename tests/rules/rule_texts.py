"""Rule sets for tests, written as short as they can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidekick.rules.compile import Record
from sidekick.rules.load import load
from sidekick.rules.ruleset import RuleSet

FALCO_RULES = Path(__file__).parents[3] / "shared" / "falco-rules"


def rule(name: str, condition: str, output: str = "hit", **keys: Any) -> str:
    """A rule as YAML; other keys as they are, ``priority`` is WARNING."""
    keys = {"desc": "d", "priority": "WARNING", **keys}
    rest = "".join(f"\n  {key.replace('_', '-')}: {value}" for key, value in keys.items())
    return f"- rule: {name}\n  condition: {json.dumps(condition)}\n  output: {output!r}{rest}\n"


def rules(*texts: str) -> RuleSet:
    """The rules of some YAML, which has no error."""
    found = load([("rules.yaml", "".join(texts))])
    assert found.ok, [finding.message for finding in found.errors]
    return found


def record(fields: Mapping[str, Any]) -> Record:
    """A record with these fields."""
    return Record(fields)
