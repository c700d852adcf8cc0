from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.ebpf.calls import all_calls
from sidekick.ebpf.filters import MAX_CLAUSES, Clause, Paths
from sidekick.rules.engine import Engine
from sidekick.sensor.clauses import ALL, FALSE, TRUE, join, unite
from sidekick.sensor.prefilter import Derivation, conditions, filters, with_leads, without
from sidekick.sensor.record import Record
from sidekick.sensor.stream import Stream
from tests.nightly import examples
from tests.rules.loading import SYSCALL_FILES, good, needs_official_files
from tests.sensor.fields.events import CGROUP, knowledge
from tests.sensor.records import File, Socket, call_record

OPENS = ("open", "openat", "openat2", "creat")


def engine(condition: str) -> Engine:
    text = f"- rule: r\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  priority: INFO\n"
    return Engine(good(text))


def clauses(condition: str, type_: str = "openat") -> tuple[Clause, ...]:
    found = engine(condition)
    (rule,) = found.rules
    return Derivation(found.graph, type_).clauses(rule.node)


def paths(*exact: str, prefixes: str = "", names: str = "", argument: str = "") -> Clause:
    of = frozenset(prefixes.split()), frozenset(names.split())
    return Clause(paths=Paths(frozenset(exact), *of, argument))


@pytest.mark.parametrize(
    ("condition", "clause"),
    [
        ("evt.is_open_read=true", Clause(access=frozenset({0, 2}))),
        ("evt.is_open_write=true", Clause(access=frozenset({1, 2}))),
        ("not evt.is_open_write=true", Clause(access=frozenset({0, 3}))),
        ("fd.num>=0", Clause(failed=False)),
        ("fd.num=-1", Clause(failed=True)),
        ("evt.rawres < 0", Clause(failed=True)),
        ("evt.res = SUCCESS", Clause(failed=False)),
        ("evt.res = EACCES", Clause(failed=True)),
        ("evt.res != SUCCESS", Clause(failed=True)),
        ("evt.failed = true", Clause(failed=True)),
        ("container.id != host", Clause(in_container=True)),
        ("not container.id = host", Clause(in_container=True)),
        ("container.id = host", Clause(in_container=False)),
        ("container.id = 3ad7b26ded6d", Clause(in_container=True)),
        ("proc.name in (a, b)", Clause(comms=frozenset("ab"))),
        ("not proc.name in (a, b)", Clause(not_comms=frozenset("ab"))),
        ("proc.name != a", Clause(not_comms=frozenset("a"))),
        ("user.uid = 0", Clause(values={"euid": frozenset({0})})),
        ("fd.name = /etc/shadow", paths("/etc/shadow")),
        ("fd.name startswith /etc", paths(prefixes="/etc")),
        ("fd.name glob '/home/*/.ssh/*'", paths(prefixes="/home/")),
        ("fd.name endswith /authorized_keys", paths(names="authorized_keys")),
        ("fd.name pmatch (/etc/, '/usr/l?b')", paths(prefixes="/etc /usr/l")),
        ("fd.directory = /etc", paths("/etc", prefixes="/etc/")),
        ("fd.filename in (a, b)", paths(names="a b")),
        ("fd.nameraw contains '../'", Clause(dotted=True)),
        ("evt.arg.flags contains O_TRUNC", Clause(any_bits={"flags": os.O_TRUNC})),
        ("fd.name = /a and proc.name = b", Clause(comms=frozenset("b"), paths=paths("/a").paths)),
        ("proc.name in (a, b) and proc.name in (b, c)", Clause(comms=frozenset("b"))),
    ],
)
def test_what_can_be_asked_of_an_open(condition: str, clause: Clause) -> None:
    assert clauses(f"evt.type = openat and {condition}") == (clause,)


@pytest.mark.parametrize(
    ("type_", "condition", "clause"),
    [
        ("ptrace", "evt.arg.request contains TRACEME", Clause(values={"request": frozenset({0})})),
        ("socket", "evt.arg.domain = AF_PACKET", Clause(values={"domain": frozenset({17})})),
        (
            "bpf",
            "evt.arg.cmd in (5, BPF_PROG_LOAD)",
            Clause(values={"cmd": frozenset({5})}),
        ),
        ("chmod", "evt.arg.mode contains S_ISUID", Clause(any_bits={"mode": stat.S_ISUID})),
        ("unshare", "evt.arg.flags contains NEWNS", Clause(any_bits={"flags": 1 << 17})),
        ("symlink", "evt.arg.target = /etc", paths("/etc", argument="target")),
        ("linkat", "evt.arg.oldpath startswith /etc/", paths(prefixes="/etc/", argument="oldpath")),
        ("connect", "fd.typechar in (4, 6)", Clause(values={"family": frozenset({2, 10})})),
        (
            "sendto",
            "fd.typechar = 6 and fd.rport = 22",
            Clause(values={"family": frozenset({10})}),
        ),
        ("connect", "fd.sport in (22, 443)", Clause(values={"remote_port": frozenset({22, 443})})),
        ("dup2", "fd.type = ipv6", Clause(values={"family": frozenset({10})})),
    ],
)
def test_what_can_be_asked_of_other_calls(type_: str, condition: str, clause: Clause) -> None:
    assert clauses(f"evt.type = {type_} and {condition}", type_) == (clause,)


@pytest.mark.parametrize(
    "condition",
    [
        "proc.pname = a",
        "not fd.name = /a",
        "fd.name != /a",
        "fd.name contains ssh",
        "fd.nameraw contains ssh",
        "not fd.nameraw contains '..'",
        "fd.name startswith etc",
        "fd.name endswith rc",
        "evt.arg.flags contains O_RDONLY",
        "not evt.arg.flags contains O_TRUNC",
        "proc.name startswith a",
        "proc.name = a or proc.pname = a",
        "fd.name startswith /",
        "fd.name exists",
        "not fd.filename != a",
        "not fd.typechar != d",
        "evt.num != 0",
    ],
)
def test_what_cannot_be_asked_is_told(condition: str) -> None:
    assert clauses(f"evt.type = openat and {condition}") == TRUE


@pytest.mark.parametrize(
    "condition",
    [
        "evt.num = 0",
        "evt.type = connect",
        "proc.name = a and proc.name = b",
        "fd.num >= 0 and fd.num = -1",
        "container.id = host and container.id != host",
        "evt.is_open_read = true and evt.type = creat",
    ],
)
def test_what_cannot_be_is_not_told(condition: str) -> None:
    assert clauses(condition) == FALSE


def test_too_many_alternatives_become_one_that_holds_for_all() -> None:
    names = " or ".join(f"(proc.name = n{n} and fd.name = /f{n})" for n in range(40))
    found = clauses(f"evt.type = openat and ({names})")
    assert 0 < len(found) <= 8
    asked = {name for clause in found for name in clause.comms or ()}
    assert asked == {f"n{n}" for n in range(40)}


def test_a_call_that_some_rule_wants_whole_has_no_filter() -> None:
    found = engine("evt.type in (openat, connect) and (proc.pname = a or evt.type = connect)")
    nodes = conditions(found)
    assert set(nodes) == {"openat", "connect"}
    assert filters(found.graph, nodes) == {}


def test_who_sends_may_be_the_client_or_the_server() -> None:
    ports = frozenset({22, 443})
    found = clauses("evt.type = sendto and fd.sport in (22, 443)", "sendto")
    assert found == (Clause(values={"remote_port": ports}), Clause(values={"local_port": ports}))


def test_alternatives_that_differ_in_one_test_are_one_clause() -> None:
    found = clauses(
        "evt.type = openat and fd.num >= 0 and (fd.name = /a or fd.name startswith /b/"
        " or (fd.name = /c and evt.is_open_read = true) or fd.filename = d)"
    )
    assert found == (
        Clause(failed=False, access=frozenset({0, 2}), paths=Paths(frozenset({"/c"}))),
        Clause(
            failed=False,
            paths=Paths(frozenset({"/a"}), frozenset({"/b/"}), frozenset({"d"})),
        ),
    )


def test_too_many_clauses_lose_what_is_worth_least() -> None:
    """A call by any of these names, or of any of these files, is still all that is told."""
    rules = " or ".join(
        f"(fd.name = /f{n} and proc.name = n{n} and evt.is_open_{way} = true)"
        for n in range(20)
        for way in ("read", "write")
    )
    found = clauses(f"evt.type = openat and ({rules})")
    assert all(clause.comms and clause.paths for clause in found)


def test_our_own_rules_ask_for_no_file_that_is_read_for_nothing() -> None:
    from sidekick.rule_files import load_files

    packs = sorted((Path(__file__).parents[2] / "config" / "rules").glob("*.yaml"))
    found = Engine(load_files(packs))
    made = filters(found.graph, conditions(found))
    given: dict[str, int | bytes] = {"name": b"/srv/x", "flags": os.O_RDONLY, "mode": 0}
    record = call_record("openat", 3, arguments=given, file=File(b"/srv/x"), comm=b"nginx")
    assert len(made["openat"]) <= MAX_CLAUSES
    assert not any(_passes(clause, record) for clause in made["openat"])


@needs_official_files
def test_the_official_rules_ask_the_kernel_for_little() -> None:
    from sidekick.rule_files import load_files

    found = Engine(load_files(SYSCALL_FILES))
    made = filters(found.graph, conditions(found))
    assert all(0 < len(of) <= MAX_CLAUSES for of in made.values())
    assert {"symlink", "linkat", "ptrace", "socket", "chmod"} <= set(made)


def test_a_call_that_is_ignored_is_not_asked_for_and_who_cannot_match_is_counted() -> None:
    nodes = {"openat": [1, 2], "sendto": [2, 3], "sendmsg": [3]}
    assert without(nodes, ()) == (nodes, 0)
    assert without(nodes, ["sendto"]) == ({"openat": [1, 2], "sendmsg": [3]}, 0)
    assert without(nodes, ["sendto", "sendmsg", "mkdir"]) == ({"openat": [1, 2]}, 1)


def test_a_path_with_links_is_asked_for_where_it_leads_too() -> None:
    lead = {"/var/run": "/run", "/var/run/docker.sock": "/run/docker.sock"}
    given = paths("/var/run/docker.sock", "/etc", prefixes="/var/run/sec /etc/").paths
    argument = paths("/var/run", argument="target").paths
    found = with_leads(
        {"openat": (Clause(paths=given), ALL), "symlink": (Clause(paths=argument),)},
        lambda path: lead.get(path, path),
    )
    asked = found["openat"][0].paths
    assert asked is not None
    assert asked.exact == {"/var/run/docker.sock", "/run/docker.sock", "/etc"}
    assert asked.prefixes == {"/var/run/sec", "/run/sec", "/etc/"}
    assert found["openat"][1] == ALL
    assert found["symlink"] == (Clause(paths=argument),)


@pytest.mark.parametrize(
    ("prefix", "asked"),
    [
        ("/link", {"/link", "/target"}),
        ("/link/x", {"/link/x", "/target/x"}),
        ("/var/run", {"/var/run", "/run"}),
        ("/var/run/", {"/var/run/", "/run/"}),
        ("/bin/b", {"/bin/b", "/usr/bin/b"}),
        ("/var/runner", {"/var/runner"}),
        ("/", {"/"}),
    ],
)
def test_the_usual_links_of_containers_are_asked_for_and_a_link_itself(
    prefix: str, asked: set[str]
) -> None:
    given = Paths(prefixes=frozenset({prefix}))
    found = with_leads(
        {"openat": (Clause(paths=given),)}, lambda path: path.replace("/link", "/target")
    )
    made = found["openat"][0].paths
    assert made is not None
    assert made.prefixes == asked


# -- whatever a rule matches is told -----------------------------------------------------------

_TEXTS = {
    "proc.name": ["cat", "sh", "a-name-that-is-too-long"],
    "container.id": ["host", "3ad7b26ded6d"],
    "evt.res": ["SUCCESS", "ENOENT", "EACCES"],
    "fd.name": ["/etc/shadow", "/etc", "/root/.ssh/id", "relative", "/", "/tmp/a b"],
    "fd.directory": ["/etc", "/root/.ssh", "/", "/tmp"],
    "fd.filename": ["shadow", "id", "a"],
    "fd.nameraw": ["../", "..", "/etc", "../etc/shadow"],
    "fd.typechar": ["f", "d", "4", "6", "u"],
    "fd.type": ["file", "ipv4", "ipv6", "unix"],
    "fd.sport": ["443", "22"],
    "fd.rport": ["443", "0"],
    "user.uid": ["0", "1000"],
    "fd.num": ["0", "-1", "3"],
    "evt.rawres": ["0", "-1", "-2", "3"],
    "evt.num": ["0", "1"],
    "evt.is_open_read": ["true", "false"],
    "evt.is_open_write": ["true", "false"],
    "evt.failed": ["true", "false"],
    "evt.arg.flags": ["O_TRUNC", "O_CREAT", "O_DIRECT", "RDONLY", "O_CLOEXEC", "CLONE_NEW"],
    "evt.arg.mode": ["S_ISUID", "S_IX", "0"],
    "evt.arg.name": ["/etc/shadow", "/etc", "shadow"],
    "evt.arg.oldpath": ["/etc/shadow", "/etc"],
    "evt.arg.target": ["/etc", "../etc"],
    "evt.arg.request": ["PTRACE_TRACEME", "ATTACH", "16", "999"],
    "evt.arg.domain": ["AF_PACKET", "AF_INET", "17"],
    "proc.pname": ["bash", "sh"],
}
_NUMBERS = {"fd.sport", "fd.rport", "user.uid", "fd.num", "evt.rawres", "evt.num"}
_BOOLS = {"evt.is_open_read", "evt.is_open_write", "evt.failed"}
_TEXT_OPERATORS = ("=", "!=", "contains", "startswith", "endswith", "glob", "in", "pmatch")


def _check(name: str, operator: str, texts: list[str]) -> str:
    quoted = [f"'{text}'" for text in texts]
    if operator in ("in", "pmatch"):
        return f"{name} {operator} ({', '.join(quoted)})"
    bare = texts[0] if name in _NUMBERS else quoted[0]
    return f"{name} {operator} {bare}"


def _operators(name: str) -> list[str]:
    if name in _NUMBERS:
        return ["=", "!=", "<", "<=", ">", ">=", "in"]
    return ["=", "!="] if name in _BOOLS else [*_TEXT_OPERATORS]


_checks = st.sampled_from(sorted(_TEXTS)).flatmap(
    lambda name: st.builds(
        _check,
        st.just(name),
        st.sampled_from(_operators(name)),
        st.lists(st.sampled_from(_TEXTS[name]), min_size=1, max_size=3),
    )
)
_types = st.sampled_from(
    ["openat", "open", "creat", "connect", "ptrace", "socket", "symlink", "dup", "sendto"]
)
_types_asked = st.builds(lambda t: f"evt.type in ({', '.join(t)})", st.lists(_types, min_size=1))


def _words(word: str) -> Callable[[list[str]], str]:
    return lambda parts: f"({f' {word} '.join(parts)})"


_conditions = st.recursive(
    st.one_of(_checks, _checks, _types_asked),
    lambda inside: st.one_of(
        st.lists(inside, min_size=2, max_size=4).map(_words("and")),
        st.lists(inside, min_size=2, max_size=4).map(_words("or")),
        inside.map(lambda part: f"not {part}"),
    ),
    max_leaves=12,
)

_paths = st.sampled_from(
    ["/etc/shadow", "/etc", "/etc/", "/root/.ssh/id", "shadow", "../etc/shadow", "/tmp/a b", "/a"]
)
_flags = st.integers(0, 3).flatmap(
    lambda mode: st.sampled_from(
        [0, os.O_TRUNC, os.O_CREAT, os.O_DIRECTORY, os.O_DIRECT, os.O_CLOEXEC, 0o20200000]
    ).map(lambda bits: bits | mode)
)


@st.composite
def _records(draw: st.DrawFn) -> Record:
    type_ = draw(st.sampled_from(["openat", "open", "creat", "connect", "ptrace", "socket"]))
    type_ = draw(st.sampled_from([type_, "symlink", "link", "dup", "sendto"]))
    result = draw(st.sampled_from([0, 3, -2, -13]))
    given_flags = draw(_flags)
    arguments: dict[str, int | bytes] = {}
    for argument in all_calls()[type_].arguments:
        match argument.kind:
            case "path" | "string":
                arguments[argument.name] = draw(_paths).encode()
            case "open_flags":
                arguments[argument.name] = given_flags
            case "mode":
                arguments[argument.name] = draw(st.sampled_from([0, 0o644, 0o4755]))
            case "ptrace_request" | "socket_family":
                arguments[argument.name] = draw(st.sampled_from([0, 1, 2, 10, 16, 17, 999]))
    file = sock = None
    if type_ in OPENS and result >= 0:
        path = draw(_paths.filter(lambda path: path.startswith("/") and not path.endswith("/")))
        kept = given_flags if type_ != "creat" else os.O_WRONLY
        file = File(path.encode(), flags=kept & ~os.O_TRUNC)
    if type_ == "dup" and draw(st.booleans()):
        file = File(b"/etc/shadow")
    elif type_ in ("connect", "dup", "sendto") or (type_ == "socket" and result >= 0):
        sock = Socket(
            family=draw(st.sampled_from([1, 2, 10])),
            local=b"\1" * 4,
            remote=b"\2" * 4,
            local_port=draw(st.sampled_from([443, 40_000])),
            remote_port=draw(st.sampled_from([443, 22])),
        )
    named = b"\2\0\0\x16\7\7\7\7" if type_ == "sendto" and draw(st.booleans()) else None
    return call_record(
        type_,
        result,
        arguments=arguments,
        file=file,
        socket=sock,
        address=named,
        cwd=b"/etc",
        comm=draw(st.sampled_from([b"cat", b"sh", b"a-name-that-is-"])),
        uid=draw(st.sampled_from([0, 1000])),
        cgroup_id=draw(st.sampled_from([1, CGROUP])),
    )


def _passes(clause: Clause, record: Record) -> bool:
    """What the kernel makes of a clause, as ``Clause`` describes it."""
    header = record.header
    numbers = {"euid": header.uid}
    if record.file and not record.socket:
        numbers |= {"family": -1, "remote_port": -1, "local_port": -1}
    elif record.socket:
        numbers["family"] = record.socket.family
        if (record.result or 0) >= 0 or record.result == -115:
            numbers["local_port"] = record.socket.local_port
            if record.type == "connect" or record.address is None:
                numbers["remote_port"] = record.socket.remote_port
    if (clause.failed is not None and clause.failed is not ((record.result or 0) < 0)) or (
        clause.in_container is not None and clause.in_container is not (header.cgroup_id == CGROUP)
    ):
        return False
    asked_flags = record.argument("flags")
    kinds = {a.name: a.kind for a in all_calls()[record.type].arguments}
    knows_access = "open_flags" in kinds.values() and clause.access is not None
    if knows_access and asked_flags & 3 not in (clause.access or ()):
        return False
    for name, bits in clause.any_bits.items():
        if name in kinds and not record.argument(name) & bits:
            return False
    for name, wanted in clause.values.items():
        value = record.argument(name) if name in kinds else numbers.get(name)
        if value is not None and value not in wanted:
            return False
    for name, unwanted in clause.not_values.items():
        if numbers.get(name) in unwanted:
            return False
    given = next((a.name for a in all_calls()[record.type].arguments if a.kind == "path"), "")
    if clause.dotted and given and b".." not in record.argument(given):
        return False
    comm = header.comm.decode()
    if clause.comms is not None and comm not in clause.comms:
        return False
    return comm not in clause.not_comms and _path_passes(clause.paths, record)


def _path_passes(asked: Paths | None, record: Record) -> bool:
    if asked is None:
        return True
    kinds = [a.name for a in all_calls()[record.type].arguments if a.kind in ("path", "string")]
    texts = [record.file.path] if record.file and not asked.argument else []
    # Either name of a file counts; the one that was given only if it is absolute and plain.
    texts += [record.argument(asked.argument or kinds[0])] if kinds else []
    return any(_one_passes(asked, text.decode()) for text in texts)


def _one_passes(asked: Paths, path: str) -> bool:
    if not path.startswith("/") or ".." in path or "//" in path or path.endswith("/"):
        return True
    last = path.rpartition("/")[2]
    return path in asked.exact or path.startswith(tuple(asked.prefixes)) or last in asked.names


def _must_tell(condition: str, record: Record) -> None:
    rules = engine(condition)
    if not Stream(rules, knowledge()).take([record]):
        return
    nodes = conditions(rules)
    assert record.type in nodes
    made = filters(rules.graph, nodes)
    if record.type in made:
        assert any(_passes(clause, record) for clause in made[record.type])


_ANY_TYPE = "evt.type in (openat, open, creat, connect, ptrace, socket, symlink, link, dup, sendto)"


@settings(max_examples=examples(250, 20_000), deadline=None)
@given(_checks, st.booleans(), st.lists(_records(), min_size=8, max_size=8))
def test_what_one_check_holds_for_is_told(check: str, negated: bool, records: list[Record]) -> None:
    for record in records:
        _must_tell(f"{_ANY_TYPE} and {'not ' if negated else ''}{check}", record)


@settings(max_examples=examples(200, 20_000), deadline=None)
@given(_conditions, st.lists(_records(), min_size=4, max_size=4))
def test_whatever_a_rule_matches_is_told(condition: str, records: list[Record]) -> None:
    for record in records:
        _must_tell(condition, record)


@settings(max_examples=examples(100, 5_000), deadline=None)
@given(_conditions, _conditions, st.lists(_records(), min_size=4, max_size=4))
def test_two_clauses_are_one_only_if_that_says_the_same(
    left: str, right: str, records: list[Record]
) -> None:
    for record in records:
        every = [*clauses(left, record.type), *clauses(right, record.type)]
        for a, b in itertools.combinations(every, 2):
            either = _passes(a, record) or _passes(b, record)
            one = unite(a, b)
            assert one is None or _passes(one, record) is either
            assert _passes(join(a, b), record) or not either


def test_every_test_of_a_clause_is_known_to_the_algebra() -> None:
    """A new one must be met and joined."""
    known = {"failed", "in_container", "access", "any_bits", "values", "not_values", "comms"}
    known |= {"not_comms", "paths", "networks", "not_networks", "dotted"}
    assert {field.name for field in fields(Clause)} <= known
    assert Clause() == ALL
