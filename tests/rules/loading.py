"""Rule files in tests: loaded from text, and the official ones if they are there."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from sidekick.rules.load import load
from sidekick.rules.printer import canonical
from sidekick.rules.ruleset import RuleSet

OFFICIAL = Path(__file__).parents[3] / "shared" / "falco-rules"
SYSCALL_FILES = tuple(
    OFFICIAL / f"falco{kind}_rules.yaml" for kind in ("", "-incubating", "-sandbox")
)
OFFICIAL_FILES = (*SYSCALL_FILES, OFFICIAL / "k8s_audit_rules.yaml")

needs_official_files = pytest.mark.skipif(
    not OFFICIAL.is_dir(), reason=f"Falco's official rule files are not in {OFFICIAL}"
)

RULE = """
- rule: A
  desc: a rule
  condition: evt.type = open and proc.name = cat
  output: file=%fd.name
  priority: INFO
"""


def loaded(*texts: str) -> RuleSet:
    """What some texts define, as files ``1.yaml``, ``2.yaml``, ..."""
    return load([(f"{n}.yaml", dedent(text)) for n, text in enumerate(texts, 1)])


def good(*texts: str) -> RuleSet:
    """The same of texts that have no fault."""
    rules = loaded(*texts)
    assert not rules.errors, "\n".join(found.describe(rules.contents) for found in rules.errors)
    return rules


def condition_of(rules: RuleSet, name: str = "A") -> str:
    """The condition of a rule as Falco prints it, with its macros in place."""
    rule = rules.rule(name)
    assert rule
    return canonical(rules.graph.tree(rule.node))


def told(rules: RuleSet) -> list[str]:
    """The codes of all findings."""
    return [found.code.name for found in (*rules.errors, *rules.warnings)]
