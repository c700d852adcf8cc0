"""Exceptions of rules: every shape, as the condition that it becomes, and what is refused."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.rules.loading import RULE, condition_of, good, loaded, told

WHEN = "(evt.type = open and proc.name = cat)"


def exceptions(text: str) -> str:
    """Rule A with these exceptions."""
    lines = dedent(text).strip().splitlines()
    return RULE + "  exceptions:\n" + "".join(f"    {line}\n" for line in lines)


def more(text: str) -> str:
    """An item that appends these exceptions to rule A."""
    lines = dedent(text).strip().splitlines()
    body = "".join(f"    {line}\n" for line in lines)
    return f"- rule: A\n  exceptions:\n{body}  override: {{exceptions: append}}\n"


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("- {name: e, fields: fd.name}", ""),
        ("- {name: e, fields: [fd.name, fd.num]}", ""),
        ("- {name: e, fields: fd.name, values: []}", ""),
        ("- {name: e, fields: fd.name, values: [/a, /b]}", "fd.name in (/a, /b)"),
        ("- {name: e, fields: fd.name, values: [/a b]}", 'fd.name in ("/a b")'),
        ("- {name: e, fields: fd.name, values: ['\"/a b\"']}", 'fd.name in ("/a b")'),
        ("- {name: e, fields: fd.name, comps: pmatch, values: [/a]}", "fd.name pmatch (/a)"),
        ("- {name: e, fields: fd.types, comps: intersects, values: [file]}",
         "fd.types intersects (file)"),
        ("- {name: e, fields: fd.name, comps: startswith anyof, values: [/a, /b]}",
         "fd.name startswith anyof (/a, /b)"),
        ("- {name: e, fields: 'proc.aname[2]', values: [sh]}", "proc.aname[2] in (sh)"),
        ("- {name: e, fields: [fd.name, proc.pname], values: [[/a, sh], [/b, nc]]}",
         "((fd.name = /a and proc.pname = sh) or (fd.name = /b and proc.pname = nc))"),
        ("- {name: e, fields: [fd.name], values: [[/a]]}", "fd.name = /a"),
        ("- {name: e, fields: [fd.name, fd.num], comps: [startswith, '>'], values: [[/a, 5]]}",
         "(fd.name startswith /a and fd.num > 5)"),
        ("- {name: e, fields: [fd.name], comps: [in], values: [[[/a, /b c]]]}",
         'fd.name in (/a, "/b c")'),
        ("- {name: e, fields: [fd.name], comps: [in], values: [[paths]]}", "fd.name in (/x, /y)"),
        ("- {name: e, fields: [fd.name], comps: [in], values: [[(paths)]]}", "fd.name in (/x, /y)"),
        ("- {name: e, fields: [fd.name], comps: [endswith anyof], values: [[[a, b]]]}",
         "fd.name endswith anyof (a, b)"),
        ("- {name: e, fields: ['tolower(proc.name)'], comps: ['='], values: [[cat]]}",
         "tolower(proc.name) = cat"),
        ("- {name: e, fields: [proc.name], values: [['toupper(proc.pname)']]}",
         "proc.name = toupper(proc.pname)"),
        ("- {name: e, fields: [proc.cmdline], comps: [contains], values: [[curl 127.0.0.1]]}",
         'proc.cmdline contains "curl 127.0.0.1"'),
    ],
)  # fmt: skip
def test_an_exception_is_a_condition_that_must_not_hold(text: str, added: str) -> None:
    rules = good("- list: paths\n  items: [/x, /y]\n" + exceptions(text))
    wanted = f"({WHEN} and not {added})" if added else WHEN
    assert condition_of(rules) == wanted


def test_several_exceptions_are_added_one_after_the_other() -> None:
    text = "- {name: e, fields: fd.name, values: [/a]}\n- {name: f, fields: fd.num, values: [1]}"
    wanted = f"({WHEN} and not fd.name in (/a) and not fd.num in (1))"
    assert condition_of(good(exceptions(text))) == wanted


def test_values_are_appended_to_exceptions_by_their_name() -> None:
    rules = good(
        exceptions("- {name: e, fields: fd.name, values: [/a]}"),
        more("- {name: e, values: [/b]}\n- {name: f, fields: [fd.num], values: [[1]]}"),
        more("- {name: f, values: [[2]]}"),
    )
    added = "not fd.name in (/a, /b) and not (fd.num = 1 or fd.num = 2)"
    assert condition_of(rules) == f"({WHEN} and {added})"


def test_exceptions_are_replaced_as_a_whole() -> None:
    replaced = more("- {name: f, fields: fd.num, values: [1]}").replace(": append", ": replace")
    rules = good(exceptions("- {name: e, fields: fd.name, values: [/a]}"), replaced)
    assert condition_of(rules) == f"({WHEN} and not fd.num in (1))"


def test_no_exceptions_may_be_written_as_nothing() -> None:
    assert condition_of(good(RULE + "  exceptions:\n")) == WHEN
    assert condition_of(good(RULE + "  exceptions: []\n")) == WHEN


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("- {name: e, fields: fd.nam, values: [a]}", "VALIDATE",
         "'fd.nam' is not a supported filter field; did you mean \"fd.name\"?"),
        ("- {name: e, fields: [fd.name], comps: ['=', '=']}", "VALIDATE",
         "Fields and comps lists must have equal length"),
        ("- {name: e, fields: [fd.name], comps: in}", "VALIDATE",
         "Fields and comps lists must have equal length"),
        ("- {name: e, fields: [fd.name], comps: [like]}", "VALIDATE",
         "'like' is not a supported comparison operator"),
        ("- {name: e, fields: [fd.name], comps: ['= someof']}", "VALIDATE", "not a supported"),
        ("- {name: e, fields: fd.name, comps: [in]}", "VALIDATE",
         "Fields and comps must both be strings"),
        ("- {name: e, fields: fd.name, comps: '='}", "VALIDATE",
         "When fields is a single value, comps must be one of (in, pmatch, intersects)"),
        ("- {name: e, fields: [fd.name, fd.num], values: [[a]]}", "VALIDATE",
         "Fields and values lists must have equal length"),
        ("- {name: e, fields: [fd.name], values: [a]}", "VALIDATE",
         "Fields and values lists must have equal length"),
        ("- {name: e, fields: fd.name, values: [[a]]}", "VALIDATE",
         "Expected values array to contain a list of strings"),
        ("- {name: e, fields: ~}", "VALIDATE",
         "Rule exception item must have fields property with a list of fields"),
        ("- {name: e}", "YAML_VALIDATE", "Item has no mapping for key 'fields'"),
        ("- {fields: fd.name}", "YAML_VALIDATE", "Item has no mapping for key 'name'"),
        ("- {name: e, fields: {a: b}}", "YAML_VALIDATE", "found a mapping"),
        ("- {name: e, fields: fd.name, values: a}", "YAML_VALIDATE", "values must be a sequence"),
        ("- e", "YAML_VALIDATE", "Rule exception must be a mapping"),
        ("- {name: e, fields: fd.num, values: [x]}", "COMPILE_CONDITION", "wanted an integer"),
    ],
)  # fmt: skip
def test_an_exception_that_cannot_be_meant_is_refused(text: str, code: str, message: str) -> None:
    (found,) = loaded(exceptions(text)).errors
    assert found.code.name == f"LOAD_ERR_{code}"
    assert message in found.message
    assert found.context.mark.line == 7, "the exception's own line"


def test_exceptions_must_be_a_sequence() -> None:
    (found,) = loaded(RULE + "  exceptions: {name: e}\n").errors
    assert found.message == "Rule exceptions must be a sequence"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: e, fields: fd.name, values: [/b]}",
         "Can not append exception fields to existing exception, only values"),
        ("- {name: e, comps: in, values: [/b]}",
         "Can not append exception comps to existing exception, only values"),
        ("- {name: f, values: [/b]}",
         "Rule exception must have fields property with a list of fields"),
        ("- {name: f, fields: fd.num, values: []}",
         "Rule exception must have values property with a list of values"),
    ],
)  # fmt: skip
def test_only_values_are_appended_to_a_known_exception(text: str, message: str) -> None:
    first = exceptions("- {name: e, fields: fd.name, values: [/a]}")
    (found,) = loaded(first, more(text)).errors
    assert (found.code.name, found.message) == ("LOAD_ERR_VALIDATE", message)


def test_to_replace_an_exception_it_must_be_whole() -> None:
    first = exceptions("- {name: e, fields: fd.name, values: [/a]}")
    replaced = more("- {name: e, values: [/b]}").replace(": append", ": replace")
    (found,) = loaded(first, replaced).errors
    assert found.message == "Item has no mapping for key 'fields'"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("- {name: e}", ["LOAD_APPEND_NO_VALUES"]),
        ("- {name: e, value: [/b]}", ["LOAD_UNKNOWN_KEY", "LOAD_APPEND_NO_VALUES"]),
        ("- {name: e, values: [/b]}\n- {name: e, values: [/c]}",
         ["LOAD_EXCEPTION_NAME_NOT_UNIQUE"]),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_a_warning(text: str, codes: list[str]) -> None:
    rules = loaded(exceptions("- {name: e, fields: fd.name, values: [/a]}"), more(text))
    assert told(rules) == codes


def test_a_value_that_looks_like_a_field_is_a_constant_with_a_warning() -> None:
    rules = loaded(exceptions("- {name: e, fields: [proc.name], values: [[proc.pname]]}"))
    assert told(rules) == ["LOAD_COMPILE_CONDITION"]
    assert "'proc.pname' may be a valid field misused as a const string value" in (
        rules.warnings[0].message
    )
