"""Items of rule files, one shape after the other: what they define, what is refused, where."""

from __future__ import annotations

import pytest

from sidekick.model import Priority
from sidekick.rules.findings import Code
from tests.rules.loading import RULE, condition_of, good, loaded, told


def test_a_rule_has_what_its_keys_say() -> None:
    rule = good("""
        - rule: A
          desc: what it is for
          condition: evt.type = open
          output: >
            file=%fd.name
            by=%proc.name
          priority: warning
          tags: [b, a, b]
          enabled: false
          capture: true
          capture_duration: 500
          warn_evttypes: no
          skip-if-unknown-filter: on
          source: syscall
    """).rule("A")
    assert rule
    definition = rule.definition
    assert rule.priority is Priority.WARNING
    assert rule.tags == ("a", "b")
    assert rule.output.text == "file=%fd.name by=%proc.name"
    assert rule.description == "what it is for"
    assert (definition.enabled, definition.warn_evttypes) == (False, False)
    assert (definition.capture, definition.capture_duration) == (True, 500)
    assert definition.skip_if_unknown_filter


def test_a_rule_without_them_has_falcos_defaults() -> None:
    rule = good(RULE).rule("A")
    assert rule
    definition = rule.definition
    assert (definition.source, definition.enabled, rule.tags) == ("syscall", True, ())
    assert (definition.capture, definition.warn_evttypes) == (False, True)
    assert not definition.skip_if_unknown_filter


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("EMERGENCY", Priority.EMERGENCY), ("Alert", Priority.ALERT),
        ("critical", Priority.CRITICAL),
        ("ERROR", Priority.ERROR), ("Warning", Priority.WARNING), ("notice", Priority.NOTICE),
        ("INFO", Priority.INFORMATIONAL), ("Informational", Priority.INFORMATIONAL),
        ("debug", Priority.DEBUG),
    ],
)  # fmt: skip
def test_priorities_are_read_in_any_case(text: str, wanted: Priority) -> None:
    rule = good(RULE.replace("INFO", text)).rule("A")
    assert rule
    assert rule.priority is wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("true", True), ("True", True), ("TRUE", True), ("yes", True), ("Y", True), ("on", True),
        ("false", False), ("No", False), ("n", False), ("OFF", False), ('"true"', True),
        ("tRUE", None), ("1", None), ("enabled", None),
    ],
)  # fmt: skip
def test_flags_are_yaml_1_1(value: str, wanted: bool | None) -> None:
    rules = loaded(RULE + f"  enabled: {value}\n")
    if wanted is None:
        assert "wanted true or false" in rules.errors[0].message
        return
    rule = rules.rule("A")
    assert rule
    assert rule.definition.enabled is wanted


@pytest.mark.parametrize(
    ("text", "code", "message", "line", "column"),
    [
        ("a: 1", "YAML_VALIDATE", "Rules content is not yaml array of objects", 1, 1),
        ("text", "YAML_VALIDATE", "Rules content is not yaml", 1, 1),
        ("- text", "YAML_VALIDATE", "Each element should be a yaml associative array", 1, 3),
        ("- [a]", "YAML_VALIDATE", "Each element should be a yaml associative array", 1, 3),
        ("- a: 'b", "YAML_PARSE", "scalar", 1, 8),
        ("- a: b\n  - c", "YAML_PARSE", "", 2, 3),
        ("- a: *b", "YAML_PARSE", "undefined alias 'b'", 1, 6),
        ("- list:\n  items: [a]", "YAML_VALIDATE", "Mapping for key 'list' is empty", 1, 3),
        ("- list: ''\n  items: [a]", "YAML_VALIDATE", "Value must be non-empty", 1, 9),
        ("- list: [a]\n  items: [a]", "YAML_VALIDATE", "Value is not a scalar value", 1, 9),
        ("- list: a", "YAML_VALIDATE", "Item has no mapping for key 'items'", 1, 3),
        ("- list: a\n  items: b", "YAML_VALIDATE", "Value is not a sequence", 2, 10),
        ("- list: a\n  items: [b, [c]]", "YAML_VALIDATE", "sequence value is not scalar", 2, 14),
        ("- list: a\n  items: [b, ~]", "YAML_VALIDATE", "sequence value is not scalar", 2, 14),
        ("- macro: a", "YAML_VALIDATE", "Item has no mapping for key 'condition'", 1, 3),
        ("- macro: a\n  condition:", "YAML_VALIDATE", "key 'condition' is empty", 1, 3),
        ("- rule: A", "YAML_VALIDATE", "Item has no mapping for key 'enabled'", 1, 3),
        ("- rule: A\n  desc: x", "YAML_VALIDATE", "no mapping for key 'condition'", 1, 3),
        ("- rule: A\n  condition: x", "YAML_VALIDATE", "no mapping for key 'output'", 1, 3),
        (RULE.replace("  desc: a rule\n", ""), "YAML_VALIDATE", "key 'desc'", 2, 3),
        (RULE.replace("INFO", "URGENT"), "YAML_VALIDATE", "Invalid priority 'URGENT'", 6, 13),
        (RULE + "  tags: T1\n", "YAML_VALIDATE", "Value is not a sequence", 7, 9),
        (RULE + "  enabled: maybe\n", "YAML_VALIDATE", "Can't decode YAML scalar value", 7, 12),
        (RULE + "  capture_duration: -1\n", "YAML_VALIDATE", "wanted a number", 7, 21),
        ("- rule: A\n  enabled: false", "VALIDATE", "no rule by that name already exists", 1, 3),
    ],
)  # fmt: skip
def test_a_fault_of_an_item_has_its_code_and_its_place(
    text: str, code: str, message: str, line: int, column: int
) -> None:
    (found,) = loaded(text).errors
    assert found.code.name == f"LOAD_ERR_{code}"
    assert message in found.message
    mark = found.context.exact({"1.yaml": text})
    assert (mark.line + 1, mark.column + 1) == (line, column)


def test_the_first_fault_ends_its_file_and_no_other() -> None:
    rules = loaded("- list: a\n- list: b\n", "- macro: c\n")
    assert [found.context.file for found in rules.errors] == ["1.yaml", "2.yaml"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n", "- \n- ~\n", "[]"])
def test_files_may_be_empty(text: str) -> None:
    assert told(loaded(text)) == []


def test_a_file_may_have_several_documents() -> None:
    rules = good("---\n- list: names\n  items: [cat]\n---\n" + RULE.replace("= cat", "in (names)"))
    assert condition_of(rules) == "(evt.type = open and proc.name in (cat))"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("- thing: a", "LOAD_UNKNOWN_ITEM", "Unknown top level item"),
        (RULE + "  prio: 1\n", "LOAD_UNKNOWN_KEY", "Unknown key 'prio' is ignored"),
        (RULE + "  tag: [a]\n", "LOAD_UNKNOWN_KEY", "did you mean 'tags'?"),
        (RULE + "  ? [a]\n  : b\n", "LOAD_UNKNOWN_KEY", "Unknown key '?'"),
        (RULE + "  override: append\n", "LOAD_UNKNOWN_KEY", "'override: append' is ignored"),
        ("- macro: a-b\n  condition: evt.num = 1", "LOAD_INVALID_MACRO_NAME",
         "Macro has an invalid name. Macro names should match a regular expression"),
        ("- list: a b\n  items: []", "LOAD_INVALID_LIST_NAME",
         "List has an invalid name. List names should match a regular expression"),
        (RULE + "- rule: A\n  enabled: false\n", "LOAD_DEPRECATED_ITEM", "standalone 'enabled'"),
        (RULE + "- rule: A\n  condition: or evt.num = 1\n  append: true\n", "LOAD_DEPRECATED_ITEM",
         "'append' key is deprecated"),
        (RULE.replace("priority", "source: martian\n  priority"), "LOAD_UNKNOWN_SOURCE",
         "Unknown source martian, skipping"),
        ("- macro: a\n  condition: evt.num = 1", "LOAD_UNUSED_MACRO", "not referred to"),
        ("- list: a\n  items: [b]", "LOAD_UNUSED_LIST", "not referred to"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_a_warning(text: str, code: str, message: str) -> None:
    rules = loaded(text)
    assert rules.ok
    assert [w.message for w in rules.warnings if w.code is Code[code] and message in w.message]


def test_a_rule_of_an_unknown_source_is_left_out() -> None:
    rules = loaded(RULE + "  source: martian\n")
    assert rules.ok
    assert not rules.rules


def test_the_old_enabled_key_turns_a_rule_on_and_off() -> None:
    rule = loaded(RULE, "- rule: A\n  enabled: false\n").rule("A")
    assert rule
    assert not rule.definition.enabled


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.62.0", ""), ("0.57.0", ""), ("26", ""), ("'0.31.0'", ""), ("0.62.0-rc1", ""),
        ("0.63.0", "Rules require engine version 0.63.0, but engine version is 0.62.0"),
        ("1.0.0", "Rules require engine version 1.0.0"), ("63", "engine version 0.63.0"),
        ("seven", "Unable to parse engine version 'seven'"), ("1.2", "Unable to parse"),
        ("[1]", "Value is not a scalar value"), ("", "is empty"),
    ],
)  # fmt: skip
def test_a_file_may_require_an_engine(version: str, message: str) -> None:
    errors = loaded(f"- required_engine_version: {version}").errors
    assert [message in found.message for found in errors] == ([True] if message else [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{name: container, version: 0.4.0}]", ""),
        ("[{name: k8saudit, version: 0.18.0}, {name: json, version: 0.7.0}]", ""),
        ("[{name: other, version: 1.0.0, alternatives: [{name: json, version: 0.7.0}]}]", ""),
        ("[{name: container, version: 0.9.0}]", "must load one of: container (>= 0.9.0)"),
        ("[{name: container, version: 1.0.0}]", "Plugin requirement not satisfied"),
        ("[{name: cloudtrail, version: 0.1.0}]", "There are container"),
        ("[{name: container, version: new}]", "Invalid required version 'new'"),
        ("[{name: json, version: 0.7.0, alternatives: [{name: json, version: 0.1.0}]}]",
         "Defined multiple alternative version requirements for plugin 'json'"),
        ("container", "Value of required_plugin_versions must be a sequence"),
        ("[container]", "Plugin version must be a mapping"),
        ("[{version: 0.4.0}]", "Item has no mapping for key 'name'"),
        ("[{name: container}]", "Item has no mapping for key 'version'"),
        ("[{name: json, version: 0.7.0, alternatives: x}]", "alternatives must be a sequence"),
        ("[{name: json, version: 0.7.0, alternatives: [x]}]", "alternative must be a mapping"),
    ],
)  # fmt: skip
def test_a_file_may_require_plugins(text: str, message: str) -> None:
    errors = loaded(f"- required_plugin_versions: {text}").errors
    assert [message in found.message for found in errors] == ([True] if message else [])


def test_of_several_kinds_the_first_in_falcos_order_counts() -> None:
    rules = loaded("- rule: A\n  list: names\n  items: [a]\n")
    assert rules.lists == {"names": ["a"]}


def test_scalars_are_texts_whatever_they_look_like() -> None:
    rules = loaded("- list: a\n  items: [yes, 0x10, 1.0, 2001-01-01, 0o7, 1_000]\n")
    assert rules.lists["a"] == ["yes", "0x10", "1.0", "2001-01-01", "0o7", "1_000"]


def test_of_a_key_written_twice_the_first_counts() -> None:
    assert loaded("- list: a\n  items: [b]\n  items: [c]\n").lists["a"] == ["b"]
