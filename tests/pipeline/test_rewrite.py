"""What sinks get in another form: names with brackets, outputs of Falco's form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.model import Alert
from sidekick.pipeline.rewrite import RewriteConfig
from tests.pipeline.alerts import Run

OUTPUT = "10:20:30.123456789: Warning A shell (user=root)"


def rewritten(section: dict[str, Any], **changes: Any) -> Alert:
    return Run(rewrite=section).see(0, **changes).alert


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"proc.aname[2]": "a", "proc.name": "b"}, ["proc.aname_2", "proc.name"]),
        ({"a[b[1]]": 1}, ["a_b_1"]),
        ({"a]": 1}, ["a]"]),
        ({"a]": 1, "b[0]": 2}, ["a]", "b_0"]),
        ({"a[1]": 1, "a_1": 2}, ["a[1]", "a_1"]),
        ({"a_1": 2, "a[1]": 1}, ["a_1", "a[1]"]),
    ],
)
def test_brackets_in_names_are_replaced(fields: dict[str, Any], names: list[str]) -> None:
    found = rewritten({"brackets": "_"}, fields=fields, plain=True)
    assert list(found.fields) == names
    assert list(found.fields.values()) == list(fields.values())
    assert json.loads(found.fields_json) == found.fields
    assert not found.plain or found.fields == fields


@pytest.mark.parametrize(
    ("form", "output", "written"),
    [
        ("<timestamp>: <priority> <output>", OUTPUT, OUTPUT),
        ("[<priority>] <output>", OUTPUT, "[Warning] A shell (user=root)"),
        ("<output> <custom_fields>", OUTPUT, "A shell (user=root) team=blue n=7"),
        ("<output> (<templated_fields>)", OUTPUT, "A shell (user=root) (where=here)"),
        ("<output> (<tags>)", OUTPUT, "A shell (user=root) (a,b)"),
        ("<output> <other>", OUTPUT, "A shell (user=root) <other>"),
        ("<output>", "no time in front: it stays", "no time in front: it stays"),
        (
            "<output>",
            "2026-01-02T10:20:30.5+0000: Warning ISO",
            "2026-01-02T10:20:30.5+0000: Warning ISO",
        ),
        ("<output>", "10:20:30.5: Warning ", ""),
        ("<output>", "10:20:30.5: Warning a <priority> of its own", "a <priority> of its own"),
    ],
)
def test_an_output_gets_the_form_that_is_wanted(form: str, output: str, written: str) -> None:
    section = {
        "output": form,
        "custom_fields": ["team", "n", "absent"],
        "templated_fields": ["where"],
    }
    fields = {"team": "blue", "n": 7, "where": "here"}
    assert rewritten(section, output=output, fields=fields, tags=("b", "a")).output == written


@pytest.mark.parametrize("form", ["<output> (<tags>)", "<output> ( )", "<output> ()", "<output> "])
def test_what_is_left_of_empty_tokens_is_cut_off(form: str) -> None:
    assert rewritten({"output": form}, output=OUTPUT).output == "A shell (user=root)"


def test_conditions_see_the_names_that_the_sender_wrote() -> None:
    route = {"lanes": [], "routes": [{"match": "proc.aname[2] = sh", "lanes": ["a"]}]}
    run = Run(rewrite={"brackets": "_"}, route=route)
    outcome = run.see(0, fields={"proc.aname[2]": "sh"})
    assert outcome.lanes == ("a",)
    assert list(outcome.alert.fields) == ["proc.aname_2"]


def test_a_digest_is_rewritten_as_well() -> None:
    run = Run(rewrite={"brackets": "_"}, dedup={"window": "1m"})
    for secs in range(3):
        run.see(secs, fields={"proc.aname[2]": "sh"})
    digests = run.due(10_000)
    assert digests
    assert all("proc.aname[2]" not in one.alert.fields for one in digests)


def test_an_alert_in_which_nothing_changes_is_passed_on_as_it_is() -> None:
    given = Run().see(0).alert
    run = Run(rewrite={"brackets": "_", "output": "<output>"})
    assert run.see(0, given).alert is given


@pytest.mark.parametrize("section", [{"brackets": "["}, {"output": "x" * 5000}])
def test_what_cannot_be_meant_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RewriteConfig.model_validate(section)
