"""The exception made of an alert: it loads, and alerts like that one do not come again."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rules.allow import NoException, allowing
from sidekick.rules.compile import Record
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.load import load
from sidekick.rules.ruleset import RuleSet
from tests.rules.loading import good
from tests.rules.rule_texts import rule

READS = "evt.type = openat and fd.name startswith /etc and proc.name exists and proc.pname exists"
VALUES = {
    "evt.type": "openat", "fd.name": "/etc/shadow", "proc.name": "cat", "proc.pname": "bash",
    "proc.cmdline": "cat /etc/shadow", "proc.pid": 77, "container.id": "3fd1c0ffee12",
    "container.image.repository": "docker.io/nginx", "k8s.ns.name": None, "user.name": "root",
}  # fmt: skip


def item(rules: RuleSet, values: dict[str, Any], *chosen: str) -> dict[str, Any]:
    """The exception for rule A as data, after it has loaded with the rules."""
    found = rules.rule("A")
    assert found
    text = allowing(rules, found, values, chosen)
    again = load([*rules.contents.items(), ("exception.yaml", text)])
    assert again.ok, [error.describe(again.contents) for error in again.errors]
    assert not matches(again, values)
    (data,) = yaml.safe_load(text)
    assert (data["rule"], data["override"]) == ("A", {"exceptions": "append"})
    (exception,) = data["exceptions"]
    assert isinstance(exception, dict)
    return exception


def matches(rules: RuleSet, values: dict[str, Any]) -> bool:
    engine = Engine(rules, EngineConfig(append_output=()))
    return bool(engine.alerts("syscall", "openat", Record(values), 1))


def test_it_names_who_did_it_to_what_and_where() -> None:
    rules = good(rule("A", READS))
    assert matches(rules, VALUES)
    assert item(rules, VALUES) == {
        "name": "proc.name and fd.name and proc.pname and container.image.repository",
        "fields": ["proc.name", "fd.name", "proc.pname", "container.image.repository"],
        "comps": ["=", "=", "=", "="],
        "values": [["cat", "/etc/shadow", "bash", "docker.io/nginx"]],
    }


def test_what_the_rule_does_not_ask_for_is_left_out() -> None:
    values = {key: VALUES[key] for key in ("evt.type", "proc.name", "proc.pname", "fd.name")}
    found = item(good(rule("A", "evt.type = openat and proc.name = cat")), values)
    assert found["fields"] == ["proc.name"]


def test_fields_may_be_chosen() -> None:
    found = item(good(rule("A", READS)), VALUES, "user.name", "fd.name")
    assert (found["name"], found["values"]) == ("user.name and fd.name", [["root", "/etc/shadow"]])


@pytest.mark.parametrize(
    ("exception", "values"),
    [
        ("{name: e, fields: [fd.name, proc.name], values: [[a, b]]}", [["/etc/shadow", "cat"]]),
        ("{name: e, fields: [fd.name], comps: [in], values: [[[a, b]]]}", [["/etc/shadow"]]),
        ("{name: e, fields: fd.name, values: [/a]}", ["/etc/shadow"]),
        ("{name: e, fields: fd.name}", ["/etc/shadow"]),
    ],
)
def test_values_go_to_an_exception_that_the_rule_has(exception: str, values: list[Any]) -> None:
    rules = good(rule("A", READS, exceptions=f"[{exception}]"))
    assert item(rules, VALUES) == {"name": "e", "values": values}


@pytest.mark.parametrize(
    "exception",
    [
        "{name: e, fields: [fd.name], comps: [startswith], values: [[/x]]}",
        "{name: e, fields: [fd.name, k8s.ns.name], values: [[a, b]]}",
    ],
)
def test_an_exception_that_does_not_fit_is_left_alone(exception: str) -> None:
    found = item(good(rule("A", READS, exceptions=f"[{exception}]")), VALUES)
    assert found["name"].startswith("proc.name and fd.name")


def test_an_audit_alert_is_about_its_user_and_its_target() -> None:
    condition = "ka.verb = get and ka.target.resource = secrets"
    rules = good(rule("A", condition, source="k8s_audit"))
    found = rules.rule("A")
    assert found
    values = {"ka.user.name": "eve", "ka.verb": "get", "ka.target.resource": "secrets"}
    (data,) = yaml.safe_load(allowing(rules, found, values))
    assert data["exceptions"][0]["fields"] == ["ka.user.name", "ka.target.resource", "ka.verb"]


@pytest.mark.parametrize(
    ("values", "chosen", "message"),
    [
        ({}, (), "no field of the alert says what to allow in rule 'A'; it has none"),
        ({"proc.pid": 1}, (), "it has proc.pid: name some of them with --field"),
        (VALUES, ("k8s.ns.name",), "the alert has no value of 'k8s.ns.name'; it has container.id"),
        (VALUES, ("proc.nam",), "'proc.nam' is no field that an exception can compare"),
        (VALUES, ("proc.nam",), 'did you mean "proc.name"?'),
        ({"proc.aname": ["a"]}, ("proc.aname",), "no field that an exception can compare"),
        ({"fd.snet": "10.0.0.1"}, ("fd.snet",), "no field that an exception can compare"),
        ({"proc.name": "x" * 256}, ("proc.name",), "cannot be a constant"),
        ({"proc.name": "a\0b"}, ("proc.name",), "cannot be a constant"),
        ({"proc.name": "a names b"}, ("proc.name",), "cannot be a constant"),
    ],
)
def test_where_no_exception_can_be_made_it_is_said_why(
    values: dict[str, Any], chosen: tuple[str, ...], message: str
) -> None:
    rules = good("- list: names\n  items: [x]\n" + rule("A", READS + " and proc.name in (names)"))
    found = rules.rule("A")
    assert found
    with pytest.raises(NoException) as raised:
        allowing(rules, found, values, chosen)
    assert message in str(raised.value)


_TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        "names",
        "a names",
        "val(proc.name)",
        "tolower(a)",
        "a\\",
        '"',
        "'",
        "a,b",
        "( )",
        "=",
        "\n",
        "anyof",
    ]
)


@given(_TEXTS, _TEXTS)
def test_whatever_the_alert_says_the_exception_holds_for_it(name: str, path: str) -> None:
    """Values come from who attacks: none may break the file, or allow what the alert was not."""
    text = "- list: names\n  items: [x, y]\n" + rule("A", "evt.type = openat and fd.name exists")
    rules = good(text + rule("B", "proc.name in (names)"))
    values = {"evt.type": "openat", "proc.name": name, "fd.name": path}
    found = rules.rule("A")
    assert found
    try:
        exception = allowing(rules, found, values, ["proc.name", "fd.name"])
    except NoException:
        return
    again = load([*rules.contents.items(), ("exception.yaml", exception)])
    assert again.ok, [error.describe(again.contents) for error in again.errors]
    assert not matches(again, values)
    assert matches(again, {**values, "proc.name": name + "x"})
    assert matches(again, {**values, "fd.name": "x" + path})
