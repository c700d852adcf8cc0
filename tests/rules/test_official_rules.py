"""Falco's official rule files, unmodified: they load as in Falco, with the sets of its table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sidekick.rule_files import load_files
from sidekick.rules.parser import parse
from sidekick.rules.printer import source
from sidekick.rules.ruleset import RuleSet
from tests.rules.loading import OFFICIAL_FILES, SYSCALL_FILES, needs_official_files

pytestmark = needs_official_files

COUNTS = {
    "falco_rules.yaml": (25, 0, 49, 87),
    "falco-incubating_rules.yaml": (31, 0, 54, 82),
    "falco-sandbox_rules.yaml": (37, 12, 60, 183),
    "k8s_audit_rules.yaml": (48, 0, 18, 45),
}
"""Rules, those disabled, lists, macros."""

PRIORITIES = {
    "falco_rules.yaml": {"Warning": 14, "Notice": 7, "Critical": 3, "Informational": 1},
    "falco-incubating_rules.yaml": {"Notice": 19, "Warning": 7, "Error": 3, "Informational": 2},
    "falco-sandbox_rules.yaml": {
        "Critical": 10, "Error": 9, "Warning": 8, "Notice": 7, "Informational": 3,
    },
    "k8s_audit_rules.yaml": {
        "Warning": 21, "Informational": 20, "Notice": 4, "Error": 2, "Debug": 1,
    },
}  # fmt: skip

LEAVES = {
    "falco_rules.yaml": (300, 70, "Run shell untrusted"),
    "falco-incubating_rules.yaml": (421, 50, "Launch Excessively Capable Container"),
    "falco-sandbox_rules.yaml": (728, 248, "Write below etc"),
}
"""Checks of all rules with their macros written out, the most of one rule, and that rule."""

STABLE_TYPES = """
execve 11 execveat 11 open 5 openat 5 openat2 5 connect 2 ptrace 2 dup 1 dup2 1 dup3 1
finit_module 1 init_module 1 link 1 linkat 1 sendmsg 1 sendto 1 socket 1 symlink 1 symlinkat 1
"""
INCUBATING_TYPES = """
execve 13 execveat 13 open 9 openat 9 openat2 9 connect 5 accept 3 accept4 3 listen 3 sendmsg 2
sendto 2 bpf 1 chmod 1 creat 1 fchmod 1 fchmodat 1 rename 1 renameat 1 renameat2 1 rmdir 1 setns 1
setuid 1 unlink 1 unlinkat 1 unshare 1
"""
SANDBOX_TYPES = """
execve 15 execveat 15 open 12 openat 12 openat2 12 accept 3 accept4 3 connect 3 listen 3 recvfrom 3
rename 3 renameat 3 renameat2 3 rmdir 3 unlink 3 unlinkat 3 mkdir 2 mkdirat 2 recvmsg 2 sendmsg 2
sendto 2 chmod 1 creat 1 fchmod 1 fchmodat 1 userfaultfd 1
"""


@pytest.fixture(scope="module")
def everything() -> RuleSet:
    return load_files(OFFICIAL_FILES)


def test_all_load_together_without_a_word(everything: RuleSet) -> None:
    assert everything.ok
    assert everything.warnings == []
    assert len(everything.rules) == 141


@pytest.mark.parametrize("path", OFFICIAL_FILES, ids=lambda path: path.stem)
def test_each_loads_alone_without_a_word(path: Path) -> None:
    rules = load_files([path])
    assert rules.ok
    assert rules.warnings == []
    disabled = sum(not rule.definition.enabled for rule in rules.rules)
    assert (len(rules.rules), disabled, len(rules.lists), len(rules.macros)) == COUNTS[path.name]
    assert Counter(rule.priority.label for rule in rules.rules) == PRIORITIES[path.name]


@pytest.mark.parametrize("path", SYSCALL_FILES, ids=lambda path: path.stem)
def test_conditions_have_as_many_checks_as_in_falco(path: Path) -> None:
    rules = load_files([path])
    sizes = {rule.name: rules.graph.size(rule.node) for rule in rules.rules}
    most = max(sizes, key=sizes.__getitem__)
    assert (sum(sizes.values()), sizes[most], most) == LEAVES[path.name]


@pytest.mark.parametrize(
    ("path", "table"),
    list(zip(SYSCALL_FILES, (STABLE_TYPES, INCUBATING_TYPES, SANDBOX_TYPES), strict=True)),
    ids=("stable", "incubating", "sandbox"),
)
def test_rules_match_the_event_types_that_falco_says(path: Path, table: str) -> None:
    words = table.split()
    wanted = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    found = Counter(type_ for rule in load_files([path]).rules for type_ in rule.types.names)
    assert found == wanted


def test_every_condition_reads_back_as_it_is_printed(everything: RuleSet) -> None:
    for rule in everything.rules:
        tree = everything.graph.tree(rule.node)
        assert parse(source(tree)) == tree
