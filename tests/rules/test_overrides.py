"""Appending to and replacing parts of rules, macros and lists, the new way and the old."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from sidekick.model import Priority
from tests.rules.loading import RULE, condition_of, good, loaded, told


def override(**keys: str) -> str:
    """A second item for rule A: ``desc="append: more"`` overrides desc with "more"."""
    split = {key: value.partition(": ") for key, value in keys.items()}
    lines = ["- rule: A", *(f"  {key}: {value[2]}" for key, value in split.items())]
    lines += ["  override:", *(f"    {key}: {value[0]}" for key, value in split.items())]
    return "\n".join(lines).replace("skip_if_unknown_filter", "skip-if-unknown-filter")


def test_append_adds_to_texts_and_unites_tags() -> None:
    rules = good(
        RULE + "  tags: [b]\n",
        override(
            condition="append: or evt.type = close", output="append: more=%proc.name",
            desc="append: and more", tags="append: [a, b]",
        ),
    )  # fmt: skip
    rule = rules.rule("A")
    assert rule
    assert condition_of(rules) == "((evt.type = open and proc.name = cat) or evt.type = close)"
    assert rule.output.text == "file=%fd.name more=%proc.name"
    assert rule.description == "a rule and more"
    assert rule.tags == ("a", "b")
    assert not rules.warnings


def test_replace_takes_the_place_of_any_value() -> None:
    rules = good(
        RULE + "  tags: [b]\n",
        override(
            condition="replace: evt.type = close", output="replace: new", desc="replace: other",
            tags="replace: [c]", priority="replace: ERROR", enabled="replace: false",
            capture="replace: true", capture_duration="replace: 7", warn_evttypes="replace: false",
            skip_if_unknown_filter="replace: true",
        ),
    )  # fmt: skip
    rule = rules.rule("A")
    assert rule
    definition = rule.definition
    assert condition_of(rules) == "evt.type = close"
    assert (rule.output.text, rule.description, rule.tags) == ("new", "other", ("c",))
    assert (rule.priority, definition.enabled) == (Priority.ERROR, False)
    assert (definition.capture, definition.capture_duration) == (True, 7)
    assert (definition.warn_evttypes, definition.skip_if_unknown_filter) == (False, True)


def test_both_may_be_in_one_item() -> None:
    rules = good(RULE, override(desc="replace: new", condition="append: and evt.num > 1"))
    rule = rules.rule("A")
    assert rule
    assert rule.description == "new"
    assert condition_of(rules) == "(evt.type = open and proc.name = cat and evt.num > 1)"


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (override(condition="append: and evt.num = 1") + "\n  append: true", "YAML_VALIDATE",
         "Keys 'override' and 'append: true' cannot be used together"),
        ("- rule: A\n  desc: x\n  override: {desc: replace, condition: append}", "YAML_VALIDATE",
         "An append override for 'condition' was specified but 'condition' is not defined"),
        ("- rule: A\n  desc: x\n  override: {desc: replace, enabled: replace}", "YAML_VALIDATE",
         "An replace override for 'enabled' was specified but 'enabled' is not defined"),
        ("- rule: A\n  desc: x\n  output: y\n  override: {desc: replace}", "YAML_VALIDATE",
         "Unexpected key 'output': no corresponding entry under 'override' is defined."),
        (override(priority="append: ERROR"), "YAML_VALIDATE",
         "Key 'priority' cannot be appended to, use 'replace' instead"),
        (override(desc="remove: x"), "YAML_VALIDATE",
         "Invalid override operation for key 'desc': 'remove'. Allowed values are: append replace"),
        (override(enabled="append: true"), "YAML_VALIDATE", "use 'replace' instead"),
        (override(source="replace: k8s_audit"), "YAML_VALIDATE", "Key 'source' cannot be replaced"),
        (override(tag="replace: [a]"), "YAML_VALIDATE", "cannot be replaced; did you mean 'tags'?"),
        (override(priority="replace: LOUD"), "YAML_VALIDATE", "Invalid priority 'LOUD'"),
        ("- rule: A\n  desc: x\n  override: {desc: [append]}", "YAML_VALIDATE", "a sequence"),
        ("- rule: A\n  desc: x\n  override: [desc]", "YAML_VALIDATE", "Wanted a mapping"),
        (override(desc="append: x").replace("rule: A", "rule: B"), "VALIDATE",
         "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists"),
        (override(desc="replace: x").replace("rule: A", "rule: B"), "VALIDATE",
         "An 'override.<key>: replace' to a rule was requested but no rule by that name"),
        ("- rule: A\n  append: true", "VALIDATE",
         "Appended rule must have exceptions or condition property"),
        ("- rule: B\n  condition: and evt.num = 1\n  append: true", "VALIDATE",
         "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists"),
        ("- macro: m\n  condition: or evt.num = 1\n  append: true", "VALIDATE",
         "Macro uses 'append' or 'override.condition: append' but no macro by that name"),
        ("- list: l\n  items: [a]\n  override: {items: append}", "VALIDATE",
         "List uses 'append' or 'override.items: append' but no list by that name"),
        ("- list: l\n  items: [a]\n  append: true\n  override: {items: append}", "YAML_VALIDATE",
         "cannot be used together"),
        ("- list: l\n  items: [a]\n  override: {list: append}", "YAML_VALIDATE",
         "cannot be appended to"),
    ],
)  # fmt: skip
def test_an_override_that_cannot_be_meant_is_refused(more: str, code: str, message: str) -> None:
    (found,) = loaded(RULE, more).errors
    assert found.code.name == f"LOAD_ERR_{code}"
    assert message in found.message
    assert found.context.file == "2.yaml"


def test_the_old_append_takes_conditions_and_exceptions_only() -> None:
    rules = loaded(
        RULE + "  enabled: false\n",
        "- rule: A\n  condition: and evt.num > 1\n  enabled: true\n  tags: [a]\n  append: true\n",
    )
    rule = rules.rule("A")
    assert rule
    assert told(rules) == ["LOAD_DEPRECATED_ITEM"]
    assert condition_of(rules) == "(evt.type = open and proc.name = cat and evt.num > 1)"
    assert not rule.definition.enabled
    assert rule.tags == ()


def test_append_false_is_a_definition() -> None:
    rules = good(RULE, RULE.replace("cat", "nc") + "  append: false\n")
    assert condition_of(rules) == "(evt.type = open and proc.name = nc)"


def test_a_rule_defined_again_keeps_its_place() -> None:
    again = RULE.replace("cat", "nc")
    rules = good(RULE + RULE.replace("rule: A", "rule: B"), again)
    assert [(rule.name, rule.index) for rule in rules.rules] == [("A", 0), ("B", 1)]
    assert condition_of(rules) == "(evt.type = open and proc.name = nc)"


def test_a_rule_defined_again_keeps_its_source() -> None:
    (found,) = loaded(RULE, RULE + "  source: k8s_audit\n").errors
    assert found.message == "Rule has been re-defined with a different source"


@pytest.mark.parametrize(
    ("second", "wanted"),
    [
        ("items: [c]\n  append: true", ["a", "b", "c"]),
        ("items: [c]\n  override: {items: append}", ["a", "b", "c"]),
        ("items: [c]\n  override: {items: replace}", ["c"]),
        ("items: [c]", ["c"]),
    ],
)
def test_lists_grow_or_are_replaced(second: str, wanted: list[str]) -> None:
    rules = loaded("- list: l\n  items: [a, b]\n", f"- list: l\n  {second}\n")
    assert rules.lists["l"] == wanted


@pytest.mark.parametrize(
    ("second", "wanted"),
    [
        ("condition: or evt.num = 2\n  append: true", "(evt.num = 1 or evt.num = 2)"),
        ("condition: or evt.num = 2\n  override: {condition: append}",
         "(evt.num = 1 or evt.num = 2)"),
        ("condition: evt.num = 2\n  override: {condition: replace}", "evt.num = 2"),
        ("condition: evt.num = 2", "evt.num = 2"),
    ],
)  # fmt: skip
def test_macros_grow_or_are_replaced(second: str, wanted: str) -> None:
    rule = RULE.replace("proc.name = cat", "m")
    rules = loaded("- macro: m\n  condition: evt.num = 1\n" + rule, f"- macro: m\n  {second}\n")
    assert condition_of(rules) == f"(evt.type = open and {wanted})"


def test_a_fault_in_what_was_appended_is_in_the_file_that_appends() -> None:
    more = dedent("""
        - rule: A
          condition: >
            and (proc.name = nc
              or proc.nam = cat)
          override: {condition: append}
    """)
    (found,) = (rules := loaded(RULE, more)).errors
    described = found.describe(rules.contents)
    assert described.startswith('2.yaml:5:10: nonexistent field "proc.nam"; did you mean')
    assert found.lines(rules.contents) == indent("or proc.nam = cat)\n   ^\n", " " * 6)
