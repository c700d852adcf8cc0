"""Loading as a whole: files in order, rules in a set, what is forgiven, warnings, outputs."""

from __future__ import annotations

import pytest

from sidekick.rules.findings import Code, Context, FileResult
from sidekick.rules.load import load
from sidekick.rules.versions import ENGINE_VERSION, PLUGINS, compatible, parse_version
from tests.rules.loading import RULE, condition_of, good, loaded, told


def rule(condition: str, more: str = "", output: str = "x") -> str:
    return RULE.replace("evt.type = open and proc.name = cat", condition).replace(
        "output: file=%fd.name", f"output: '{output}'"
    ) + (f"  {more}\n" if more else "")


def test_files_are_read_in_order_into_one_set() -> None:
    rules = good(
        "- list: names\n  items: [cat]\n",
        "- macro: m\n  condition: proc.name in (names)\n",
        rule("evt.type = open and m"),
        "- list: names\n  items: [nc]\n  override: {items: append}\n",
    )
    assert condition_of(rules) == "(evt.type = open and proc.name in (cat, nc))"
    assert [result.name for result in rules.results] == ["1.yaml", "2.yaml", "3.yaml", "4.yaml"]


def test_with_one_fault_there_are_no_rules_at_all() -> None:
    rules = loaded(RULE, "- list: a\n")
    assert not rules.ok
    assert rules.rules == []


def test_faults_of_all_rules_are_told_at_once() -> None:
    broken = rule("evt.type = opn") + rule("proc.name =", "").replace("rule: A", "rule: B")
    third = rule("evt.type = open", output="%fd.nam").replace("rule: A", "rule: C")
    assert told(loaded(broken + third)) == [
        *("LOAD_ERR_COMPILE_CONDITION", "LOAD_ERR_COMPILE_CONDITION", "LOAD_ERR_COMPILE_OUTPUT"),
    ]


def test_what_could_not_be_read_is_part_of_the_result() -> None:
    unread = FileResult("0.yaml")
    unread.warn(Code.LOAD_ERR_FILE_READ, "gone", Context.of_file("0.yaml"))
    rules = load([("1.yaml", RULE)], unread=[unread])
    assert [found.message for found in rules.errors] == ["gone"]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (rule("evt.type = open and"), "COMPILE_CONDITION", "expected blank or '('"),
        (rule("evt.type = opn"), "COMPILE_CONDITION", 'event type opn; did you mean "open"?'),
        (rule("proc.nam = x"), "COMPILE_CONDITION", 'nonexistent field "proc.nam"'),
        (rule("fd.num = x"), "COMPILE_CONDITION", "wanted an integer"),
        (rule("proc.name in names"), "COMPILE_CONDITION", "undefined list 'names'"),
        (rule("ka.verb = get"), "COMPILE_CONDITION", 'nonexistent field "ka.verb"'),
        (rule("proc.name = x", "source: k8s_audit"), "COMPILE_CONDITION", "nonexistent field"),
        (rule("evt.num = 1", output="%fd.nam"), "COMPILE_OUTPUT", "unknown filter"),
        (rule("evt.num = 1", output="50%"), "COMPILE_OUTPUT", "cannot end with a %"),
        (rule("nothing"), "VALIDATE", "Undefined macro 'nothing'"),
    ],
)  # fmt: skip
def test_a_condition_or_output_that_cannot_be_meant_is_refused(
    text: str, code: str, message: str
) -> None:
    (found,) = loaded(text).errors
    assert found.code.name == f"LOAD_ERR_{code}"
    assert message in found.message
    assert found.context.item == "rule 'A'"


@pytest.mark.parametrize(
    ("condition", "output", "forgiven"),
    [
        ("proc.nam = x", "x", True),
        ("evt.type = opn", "x", True),
        ("evt.num = 1", "%fd.nam", True),
        ("proc.name =", "x", False),
        ("fd.num = x", "x", False),
        ("nothing", "x", False),
        ("evt.num = 1", "50%", False),
    ],
)
def test_skip_if_unknown_filter_forgives_unknown_names_only(
    condition: str, output: str, forgiven: bool
) -> None:
    text = rule(condition, "skip-if-unknown-filter: true", output)
    rules = loaded(text + RULE.replace("rule: A", "rule: B"))
    if not forgiven:
        assert not rules.ok
        return
    assert [rule.name for rule in rules.rules] == ["B"]
    assert told(rules) == ["LOAD_UNKNOWN_FILTER"]
    assert "rule 'A' is skipped" in rules.warnings[0].message


def test_rules_are_numbered_in_their_order_without_those_left_out() -> None:
    rules = loaded(
        rule("evt.num = 1", "source: martian"),
        rule("evt.type = open").replace("rule: A", "rule: B"),
        rule("ka.verb = get", "source: k8s_audit").replace("rule: A", "rule: C"),
    )
    assert [(rule.name, rule.index, rule.source) for rule in rules.rules] == [
        ("B", 0, "syscall"),
        ("C", 1, "k8s_audit"),
    ]
    assert set(rules.sources) == {"syscall", "k8s_audit"}


def test_a_set_knows_its_rules_and_their_fields() -> None:
    rules = good(rule("evt.type = open and (proc.name = cat or proc.aname[2] = val(proc.name))"))
    found = rules.rule("A")
    assert found
    assert rules.rule("B") is None
    assert rules.keys(found) == ["evt.type", "proc.aname[2]", "proc.name"]


@pytest.mark.parametrize(
    ("condition", "more", "code"),
    [
        ("proc.name = cat", "", "LOAD_NO_EVTTYPE"),
        ("evt.type != open", "", "LOAD_NO_EVTTYPE"),
        ("evt.type = open and evt.type = close", "", "LOAD_NO_EVTTYPE"),
        ("proc.name = cat", "warn_evttypes: false", ""),
        ("evt.type = open", "", ""),
        ("ka.verb = get", "source: k8s_audit", ""),
        ("ka.verb = <NA>", "source: k8s_audit", "LOAD_UNSAFE_NA_CHECK"),
        ("ka.verb in (a, <NA>)", "source: k8s_audit", "LOAD_UNSAFE_NA_CHECK"),
        ("jevt.value[/a] != <NA>", "source: k8s_audit", "LOAD_UNSAFE_NA_CHECK"),
        ("ka.verb contains <NA>", "source: k8s_audit", ""),
        ("evt.type = open and proc.name = <NA>", "", ""),
        ("evt.type = open and proc.name = proc.pname", "", "LOAD_COMPILE_CONDITION"),
        ("evt.type = open and proc.name = 'proc.pname '", "", "LOAD_COMPILE_CONDITION"),
        ("evt.type = open and proc.name = 'toupper( proc.pname)'", "", "LOAD_COMPILE_CONDITION"),
        ("evt.type = open and proc.name = a.b", "", ""),
        ("evt.type = open and proc.name regex 'ab.*'", "", "LOAD_COMPILE_CONDITION"),
        ("evt.type = open and proc.name regex 'a[bc].*'", "", ""),
        ("evt.type = open and evt.dir = <", "", "LOAD_DEPRECATED_ITEM"),
        ("evt.type = open and evt.latency > 5", "", "LOAD_DEPRECATED_ITEM"),
        ("evt.type = open and evt.latency.human exists", "", "LOAD_DEPRECATED_ITEM"),
        ("evt.type = open and evt.wait_latency > 5", "", "LOAD_DEPRECATED_ITEM"),
        ("evt.type = open and tolower(evt.dir) = <", "", "LOAD_DEPRECATED_ITEM"),
    ],
)  # fmt: skip
def test_what_is_doubtful_in_a_condition_is_a_warning(condition: str, more: str, code: str) -> None:
    rules = loaded(rule(condition, more))
    assert rules.ok
    assert told(rules) == ([code] if code else [])


@pytest.mark.parametrize(
    ("pattern", "operator"),
    [
        (".*ab.*", "contains"), ("ab.*", "startswith"), (".*ab", "endswith"), ("ab", "'='"),
        (r"a\.b.*", "startswith"),
    ],
)  # fmt: skip
def test_a_regular_expression_that_needs_none_is_told(pattern: str, operator: str) -> None:
    (found,) = loaded(rule(f"evt.type = open and proc.name regex {pattern}")).warnings
    assert found.message.startswith(f"regex check with '{pattern}' may be optimized with simpler")
    assert operator in found.message


def test_the_old_container_info_is_told_and_prints_nothing() -> None:
    rules = loaded(rule("evt.type = open", output="by=%proc.name %container.info"))
    assert told(rules) == ["LOAD_DEPRECATED_ITEM"]
    assert rules.rules[0].output.format({"proc.name": "cat"})[0] == "by=cat "


def test_a_warning_of_a_macro_is_told_once() -> None:
    text = "- macro: m\n  condition: evt.dir = <\n" + rule("evt.type = open and m")
    rules = loaded(text + rule("evt.type = close and m").replace("rule: A", "rule: B"))
    assert told(rules) == ["LOAD_DEPRECATED_ITEM"]
    assert rules.warnings[0].context.item == "macro 'm'"


def test_the_versions_are_those_of_falco_0_44() -> None:
    assert ENGINE_VERSION == "0.62.0"
    assert {name: version.rpartition(".")[0] for name, version in PLUGINS.items()} == {
        "container": "0.4", "k8saudit": "0.18", "json": "0.7",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("have", "wanted", "good"),
    [
        ("1.2.3", "1.2.3", True), ("1.3.0", "1.2.9", True), ("1.2.4", "1.2.3", True),
        ("1.2.2", "1.2.3", False), ("2.0.0", "1.0.0", False), ("1.0.0", "2.0.0", False),
        ("0.9.0", "0.10.0", False), ("x", "1.0.0", False), ("1.0.0", "x", False),
    ],
)  # fmt: skip
def test_a_later_version_of_the_same_major_will_do(have: str, wanted: str, good: bool) -> None:
    assert compatible(have, wanted) is good


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.", "a.b.c", "-1.2.3", " 1.2.3"])
def test_what_is_no_version_is_none(text: str) -> None:
    assert parse_version(text) is None
