"""Which fields Falco's official rules use, and how many rules each: the sets of its own table."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from sidekick.rule_files import load_files
from sidekick.rules.ast import Check, Field
from sidekick.rules.ruleset import RuleSet
from tests.rules.loading import OFFICIAL_FILES, SYSCALL_FILES, needs_official_files

pytestmark = needs_official_files

CONDITIONS = {
    "falco_rules": """
        evt.type 25 proc.name 16 evt.num 11 container.id 10 fd.typechar 7
        container.image.repository 6 fd.name 5 fd.num 5 proc.args 5 proc.pname 5 evt.is_open_read 3
        fd.directory 3 proc.cmdline 3 proc.exe 3 evt.arg.request 2 evt.is_open_write 2 evt.rawres 2
        evt.res 2 proc.aname 2 proc.aname[2] 2 proc.aname[3] 2 proc.pcmdline 2
        thread.cap_effective 2 user.name 2 container.privileged 1 evt.arg.domain 1 evt.arg.flags 1
        evt.arg.oldpath 1 evt.arg.target 1 fd.connected 1 fd.filename 1 fd.ip 1 fd.l4proto 1
        fd.name_changed 1 fd.nameraw 1 fd.net 1 fd.sip.name 1 fd.snet 1 fd.sport 1 fd.type 1
        k8s.ns.name 1 proc.aname[1] 1 proc.aname[4] 1 proc.aname[5] 1 proc.cwd 1 proc.duration 1
        proc.exepath 1 proc.is_exe_from_memfd 1 proc.is_exe_upper_layer 1 proc.pexe 1 proc.tty 1
        user.uid 1
    """,
    "falco-incubating_rules": """
        evt.type 31 proc.name 23 evt.num 19 container.id 17 fd.typechar 13 fd.name 9 fd.num 8
        proc.cmdline 8 proc.pname 7 container.image.repository 5 evt.rawres 5 evt.res 5 fd.ip 5
        fd.net 5 evt.is_open_read 4 evt.is_open_write 4 fd.l4proto 4 k8s.ns.name 3
        container.privileged 2 evt.arg.flags 2 fd.connected 2 fd.directory 2 fd.name_changed 2
        fd.sip 2 fd.snet 2 proc.aname[2] 2 proc.aname[3] 2 proc.aname[4] 2 proc.env 2 proc.exe 2
        proc.vpid 2 thread.cap_permitted 2 user.name 2 evt.arg.cmd 1 evt.arg.mode 1 evt.arg.name 1
        evt.arg.oldpath 1 evt.arg.path 1 evt.arg.uid 1 fd.filename 1 fd.port 1 fd.rnet 1
        fd.sockfamily 1 fd.sport 1 proc.aexe[2] 1 proc.aname[1] 1 proc.args 1 proc.tty 1 user.uid 1
    """,
    "falco-sandbox_rules": """
        evt.type 37 proc.name 24 evt.num 18 proc.cmdline 18 fd.typechar 15 container.id 14
        proc.pname 13 fd.name 12 fd.num 11 evt.is_open_write 10 container.image.repository 7
        evt.rawres 7 fd.directory 6 proc.aname[2] 6 proc.aname[3] 6 evt.res 5 fd.net 5 fd.ip 4
        evt.arg.newpath 3 evt.arg.path 3 evt.is_open_read 3 fd.connected 3 fd.l4proto 3
        fd.name_changed 3 proc.aname[4] 3 proc.args 3 proc.exe 3 proc.vpid 3 evt.arg.filename 2
        fd.filename 2 fd.snet 2 fd.sport 2 proc.pcmdline 2 user.loginuid 2 user.uid 2
        container.mount.dest[*] 1 evt.arg.flags 1 evt.arg.mode 1 evt.arg.name 1 evt.arg.oldpath 1
        evt.buffer 1 evt.is_open_exec 1 fd.cip 1 fd.cip.name 1 fd.cnet 1 fd.sip.name 1 fd.type 1
        k8s.ns.name 1 k8s.pod.name 1 proc.aname 1 proc.aname[5] 1 proc.is_vpgid_leader 1 proc.tty 1
    """,
    "k8s_audit_rules": """
        jevt.value[/stage] 47 ka.target.resource 43 ka.verb 43 jevt.rawtime 32 ka.response.code 26
        ka.target.subresource 10 ka.req.pod.containers.image.repository 6 ka.user.name 6
        ka.target.name 5 ka.target.namespace 4 ka.req.role.rules.resources 2
        ka.req.role.rules.verbs 2 jevt.value[/requestObject/spec/tls] 1 ka.auth.decision 1
        ka.req.binding.role 1 ka.req.configmap.obj 1 ka.req.pod.containers.privileged 1
        ka.req.pod.ephemeralContainers.privileged 1 ka.req.pod.initContainers.privileged 1
        ka.req.pod.host_ipc 1 ka.req.pod.host_network 1 ka.req.pod.host_pid 1
        ka.req.pod.volumes.hostpath 1 ka.req.service.type 1 ka.uri 1
    """,
}


def used(rules: RuleSet) -> Counter[str]:
    """How many rules ask for each field; those of a mount count as one, whatever its path."""
    found: Counter[str] = Counter()
    for rule in rules.rules:
        checks = (rules.graph.nodes[number] for number in rules.graph.checks(rule.node))
        lefts = (check.left for check in checks if isinstance(check, Check))
        found.update({_counted(left.key) for left in lefts if isinstance(left, Field)})
    return found


def _counted(key: str) -> str:
    return re.sub(r"^(container\.mount\.dest)\[.*", r"\1[*]", key)


def table(name: str) -> dict[str, int]:
    words = CONDITIONS[name].split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


@pytest.mark.parametrize("path", OFFICIAL_FILES, ids=lambda path: path.stem)
def test_conditions_use_the_fields_of_falcos_table_in_as_many_rules(path: Path) -> None:
    assert used(load_files([path])) == table(path.stem)


def test_conditions_and_outputs_together_use_97_fields() -> None:
    rules = load_files(SYSCALL_FILES)
    asked = set(used(rules))
    printed = {token.key for rule in rules.rules for token in rule.output.tokens}
    assert (len(asked), len(printed), len(asked | printed)) == (76, 61, 97)
