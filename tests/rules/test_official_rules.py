"""Falco's official rule files, unmodified: they load as in Falco, with the sets of its table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sidekick.rule_files import load_files
from sidekick.rules.ast import Check, Field, walk
from sidekick.rules.parser import parse
from sidekick.rules.printer import source
from sidekick.rules.ruleset import Rule, RuleSet
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


FIELDS = {
    "falco_rules.yaml": """
    evt.type 25 proc.name 16 evt.num 11 container.id 10 fd.typechar 7 container.image.repository 6
    fd.name 5 fd.num 5 proc.args 5 proc.pname 5 evt.is_open_read 3 fd.directory 3 proc.cmdline 3
    proc.exe 3 evt.arg.request 2 evt.is_open_write 2 evt.rawres 2 evt.res 2 proc.aname 2
    proc.aname[2] 2 proc.aname[3] 2 proc.pcmdline 2 thread.cap_effective 2 user.name 2
    container.privileged 1 evt.arg.domain 1 evt.arg.flags 1 evt.arg.oldpath 1 evt.arg.target 1
    fd.connected 1 fd.filename 1 fd.ip 1 fd.l4proto 1 fd.name_changed 1 fd.nameraw 1 fd.net 1
    fd.sip.name 1 fd.snet 1 fd.sport 1 fd.type 1 k8s.ns.name 1 proc.aname[1] 1 proc.aname[4] 1
    proc.aname[5] 1 proc.cwd 1 proc.duration 1 proc.exepath 1 proc.is_exe_from_memfd 1
    proc.is_exe_upper_layer 1 proc.pexe 1 proc.tty 1 user.uid 1
    """,
    "falco-incubating_rules.yaml": """
    evt.type 31 proc.name 23 evt.num 19 container.id 17 fd.typechar 13 fd.name 9 fd.num 8
    proc.cmdline 8 proc.pname 7 container.image.repository 5 evt.rawres 5 evt.res 5 fd.ip 5 fd.net 5
    evt.is_open_read 4 evt.is_open_write 4 fd.l4proto 4 k8s.ns.name 3 container.privileged 2
    evt.arg.flags 2 fd.connected 2 fd.directory 2 fd.name_changed 2 fd.sip 2 fd.snet 2
    proc.aname[2] 2 proc.aname[3] 2 proc.aname[4] 2 proc.env 2 proc.exe 2 proc.vpid 2
    thread.cap_permitted 2 user.name 2 evt.arg.cmd 1 evt.arg.mode 1 evt.arg.name 1 evt.arg.oldpath 1
    evt.arg.path 1 evt.arg.uid 1 fd.filename 1 fd.port 1 fd.rnet 1 fd.sockfamily 1 fd.sport 1
    proc.aexe[2] 1 proc.aname[1] 1 proc.args 1 proc.tty 1 user.uid 1
    """,
    "falco-sandbox_rules.yaml": """
    evt.type 37 proc.name 24 evt.num 18 proc.cmdline 18 fd.typechar 15 container.id 14 proc.pname 13
    fd.name 12 fd.num 11 evt.is_open_write 10 container.image.repository 7 evt.rawres 7
    fd.directory 6 proc.aname[2] 6 proc.aname[3] 6 evt.res 5 fd.net 5 fd.ip 4 evt.arg.newpath 3
    evt.arg.path 3 evt.is_open_read 3 fd.connected 3 fd.l4proto 3 fd.name_changed 3 proc.aname[4] 3
    proc.args 3 proc.exe 3 proc.vpid 3 evt.arg.filename 2 fd.filename 2 fd.snet 2 fd.sport 2
    proc.pcmdline 2 user.loginuid 2 user.uid 2 container.mount.dest[*] 1 evt.arg.flags 1
    evt.arg.mode 1 evt.arg.name 1 evt.arg.oldpath 1 evt.buffer 1 evt.is_open_exec 1 fd.cip 1
    fd.cip.name 1 fd.cnet 1 fd.sip.name 1 fd.type 1 k8s.ns.name 1 k8s.pod.name 1 proc.aname 1
    proc.aname[5] 1 proc.is_vpgid_leader 1 proc.tty 1
    """,
    "k8s_audit_rules.yaml": """
    jevt.value[/stage] 47 ka.target.resource 43 ka.verb 43 jevt.rawtime 32 ka.response.code 26
    ka.target.subresource 10 ka.req.pod.containers.image.repository 6 ka.user.name 6
    ka.target.name 5 ka.target.namespace 4 ka.req.role.rules.resources 2 ka.req.role.rules.verbs 2
    jevt.value[/requestObject/spec/tls] 1 ka.auth.decision 1 ka.req.binding.role 1
    ka.req.configmap.obj 1 ka.req.pod.containers.privileged 1
    ka.req.pod.ephemeralContainers.privileged 1 ka.req.pod.initContainers.privileged 1
    ka.req.pod.host_ipc 1 ka.req.pod.host_network 1 ka.req.pod.host_pid 1
    ka.req.pod.volumes.hostpath 1 ka.req.service.type 1 ka.uri 1
    """,
}
"""Each field that conditions ask for, and how many rules of the file ask for it."""


@pytest.mark.parametrize("path", OFFICIAL_FILES, ids=lambda path: path.stem)
def test_conditions_ask_for_the_fields_that_falcos_ask_for(path: Path) -> None:
    rules = load_files([path])
    found = Counter(key for rule in rules.rules for key in _keys(rules, rule))
    words = FIELDS[path.name].split()
    assert found == dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _keys(rules: RuleSet, rule: Rule) -> set[str]:
    """The fields that are written in a condition; those asked for an empty list are never read."""
    checks = (rules.graph.nodes[number] for number in rules.graph.checks(rule.node))
    parts = (part for check in checks if isinstance(check, Check) for part in walk(check))
    return {_mount_as_one(part.key) for part in parts if isinstance(part, Field)}


def _mount_as_one(key: str) -> str:
    return "container.mount.dest[*]" if key.startswith("container.mount.dest[") else key


@pytest.mark.parametrize(
    ("paths", "count"), [(SYSCALL_FILES, 97), (OFFICIAL_FILES[3:], 40)], ids=("syscall", "audit")
)
def test_with_outputs_there_are_as_many_fields_as_in_falco(
    paths: tuple[Path, ...], count: int
) -> None:
    rules = load_files(paths)
    keys = {key for rule in rules.rules for key in {*_keys(rules, rule), *rule.output.keys}}
    assert len(keys) == count
