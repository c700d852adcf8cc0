"""How falcosidekick's keys are looked up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.compat.source import Given, Source


def entries(environ: str = "", file: Any = None) -> dict[str, str]:
    """The texts of the map ``customfields``."""
    value = {} if file is None else {"customfields": file}
    source = Source(value, {"CUSTOMFIELDS": environ})
    return {name: one.text for name, one in source.entries("customfields").items()}


def test_the_environment_goes_over_the_file_and_empty_is_unset() -> None:
    value = {"Slack": {"WebhookURL": "file", "icon": "file"}}
    source = Source(value, {"SLACK_WEBHOOKURL": "variable", "SLACK_ICON": ""})
    assert source.given("slack.webhookurl") == Given("variable", "SLACK_WEBHOOKURL")
    assert source.given("slack.icon") == Given("file", place=("Slack", "icon"))
    assert source.given("slack.footer") is None


@pytest.mark.parametrize("leaf", [None, "", []])
def test_what_is_empty_in_the_file_is_unset(leaf: Any) -> None:
    assert Source({"slack": {"icon": leaf}}, {}).given("slack.icon") is None


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (True, "true"),
        (False, "false"),
        (2801, "2801"),
        (1.5, "1.5"),
        (2.0, "2"),
        (1e20, "1" + 20 * "0"),
        (["a", {"b": 1}], 'a,{"b":1}'),
        ("x", "x"),
    ],
)
def test_a_value_of_the_file_reads_as_in_a_variable(leaf: Any, text: str) -> None:
    assert Source({"key": leaf}, {}).given("key") == Given(text, place=("key",))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a:b", {"a": "b"}),
        ("a:b, c : d ", {"a": "b", "c": "d"}),
        ("url:https://h:1/x,at:12:30", {"url": "https://h:1/x", "at": "12:30"}),
        ('{"a": "b,c", "n": 1, "t": true}', {"a": "b,c", "n": "1", "t": "true"}),
        ('a:{{ or (index . "x") "p,q" }},b:c', {"a": '{{ or (index . "x") "p,q" }}', "b": "c"}),
        ("a:", {}),
        (",", {}),
    ],
)
def test_a_map_in_a_variable(text: str, wanted: dict[str, str]) -> None:
    assert entries(text) == wanted


def test_the_entries_of_a_variable_go_over_those_of_the_file() -> None:
    file = {"a": "file", "k8s.ns.name": "file", "n": {"m": 1}}
    assert entries("a:variable", file) == {"a": "variable", "k8s.ns.name": "file", "n.m": "1"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Authorization: Bearer,secret-token", 'found 1 without ":", left out'),
        ('{"secret-token": ', "or a JSON object"),
    ],
)
def test_what_is_no_map_is_told_without_its_text(text: str, reason: str) -> None:
    source = Source({}, {"CUSTOMFIELDS": text})
    source.entries("customfields")
    (warning,) = source.warnings
    assert warning.startswith("CUSTOMFIELDS: wanted name:value")
    assert reason in warning
    assert "secret-token" not in warning


@given(st.text())
def test_any_text_at_all_is_a_map_or_a_warning(text: str) -> None:
    source = Source({}, {"CUSTOMFIELDS": text})
    assert all(one.text for one in source.entries("customfields").values())


@pytest.mark.parametrize(
    ("text", "is_on"),
    [("true", True), ("T", True), ("0", False), ("off", False), ("PLAIN", True), ("", False)],
)
def test_a_key_is_on_when_it_is_set_and_not_false(text: str, is_on: bool) -> None:
    assert Source({}, {"KAFKA_SASL": text}).is_on("kafka.sasl") == is_on
