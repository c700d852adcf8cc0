"""What is added to alerts: fields, tags, tables, and texts made of fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick import document
from sidekick.errors import ConfigError
from sidekick.model import Alert
from sidekick.pipeline.template import Template
from tests.pipeline.alerts import Run, alert, pipeline


def enriched(section: dict[str, Any], **changes: Any) -> Alert:
    return Run(enrich=section).see(0, **changes).alert


@pytest.mark.parametrize(
    ("section", "added"),
    [
        ({"fields": {"cluster.name": "prod"}}, {"cluster.name": "prod"}),
        ({"fields": {"a.b": "{proc.name}@{alert.hostname}"}}, {"a.b": "bash@node-1"}),
        ({"fields": {"a.b": "{no.such}"}}, {}),
        ({"fields": {"a.b": "{no.such|none}"}}, {"a.b": "none"}),
        ({"fields": {"a.b": 7}}, {"a.b": 7}),
        ({"fields": {"proc.name": "other"}}, {}),
        ({"fields": {"proc.name": "other"}, "overwrite": True}, {"proc.name": "other"}),
        ({"go_templates": {"a.b": '{{ or (index . "no.such") "none" }}'}}, {"a.b": "none"}),
        (
            {"fields": {"x": "y"}, "go_templates": {"a.b": '{{ .x }}-{{ index . "proc.name" }}'}},
            {"x": "y", "a.b": "y-bash"},
        ),
        ({"go_templates": {"a.b": "{{ .nobody }}"}}, {"a.b": "<no value>"}),
        ({"go_templates": {"a.b": "so far {{ index .x 1 }}"}}, {"a.b": "so far "}),
        ({"go_templates": {"proc.name": "other"}}, {}),
        ({"go_templates": {"proc.name": "other"}, "overwrite": True}, {"proc.name": "other"}),
        ({"rules": [{"match": "proc.name = bash", "fields": {"a.b": 1}}]}, {"a.b": 1}),
        ({"rules": [{"match": "proc.name = sh", "fields": {"a.b": 1}}]}, {}),
        (
            {"tables": [{"key": "proc.name", "rows": {"bash": {"own.team": "shells"}}}]},
            {"own.team": "shells"},
        ),
        (
            {"tables": [{"key": "proc.name", "csv": "name,own.team,own.tier\nbash,shells,\n"}]},
            {"own.team": "shells"},
        ),
        (
            {"tables": [{"key": "proc.name", "rows": {"sh": {}}, "default": {"own.team": "x"}}]},
            {"own.team": "x"},
        ),
    ],
)
def test_fields_are_added_to_those_that_the_sender_gave(
    section: dict[str, Any], added: dict[str, Any]
) -> None:
    found = enriched(section)
    assert found.fields == {"proc.name": "bash"} | added
    written = document.read(document.write("u", found, Run().see(0).assessment))
    assert written.output_fields == found.fields, "the text that is kept says the same"


def test_tags_are_added_once() -> None:
    found = enriched({"tags": ["a", "b", "b", "on-{alert.hostname}", "{no}"]}, tags=("a", "z", "z"))
    assert found.tags == ("a", "z", "z", "b", "on-node-1")


@pytest.mark.parametrize(
    ("section", "plain"), [({}, True), ({"fields": {"a": "1"}}, False), ({"tags": ["a"]}, False)]
)
def test_an_alert_with_additions_is_not_known_to_be_plain(
    section: dict[str, Any], plain: bool
) -> None:
    assert enriched(section, plain=True).plain is plain


def test_numbers_of_the_sender_keep_their_digits() -> None:
    sent = Alert(
        **{
            name: getattr(alert(), name)
            for name in alert().__struct_fields__
            if name not in ("fields", "fields_json")
        },
        fields={"big": 10**25},
        fields_json=b'{"big":10000000000000000000000000,"exp":1.50e3}',
    )
    found = Run(enrich={"fields": {"a.b": "c"}}).see(0, sent).alert
    assert b"10000000000000000000000000" in found.fields_json
    assert b"1.50e3" in found.fields_json


def test_a_route_sees_what_was_added() -> None:
    run = Run(
        enrich={"fields": {"own.team": "shells"}},
        route={"lanes": [], "routes": [{"match": "own.team = shells", "lanes": ["a"]}]},
    )
    assert run.see(0).lanes == ("a",)


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"fields": {"a.b": "{open"}}, "column 1"),
        ({"fields": {"alert.rule": "x"}}, "the alert's own"),
        ({"go_templates": {"alert.rule": "x"}}, "the alert's own"),
        ({"go_templates": {"a.b": "{{ .x"}}, r"enrich.go_templates.a.b: 1:1: "),
        ({"rules": [{"match": "a ="}]}, "enrich.rules.0.match"),
        ({"tables": [{"key": "a.b", "csv": "name\n"}]}, "at least one field"),
    ],
)
def test_what_cannot_work_is_refused(section: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        pipeline(enrich=section)


@given(st.dictionaries(st.sampled_from(["a.b", "c.d"]), st.text(max_size=10)))
def test_nothing_in_a_value_is_read_as_a_template(values: dict[str, str]) -> None:
    class Record(dict[str, str]):
        def __missing__(self, key: str) -> None:
            return None

    filled = Template("{{x}} {a.b|?}-{c.d|?}").fill(Record(values))
    assert filled == f"{{x}} {values.get('a.b') or '?'}-{values.get('c.d') or '?'}"
