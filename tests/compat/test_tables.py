"""The tables of falcosidekick's keys fit what sidekick has."""

from __future__ import annotations

import pytest

from sidekick import compat
from sidekick.compat.absent import ABSENT
from sidekick.compat.key import Key, Output, variable
from sidekick.compat.outputs import outputs
from sidekick.compat.service import SERVICE
from sidekick.compat.strangers import known_keys, variables
from sidekick.settings.model import Settings
from sidekick.settings.shape import holds_secret, types_at
from sidekick.sinks import sink_module

ROWS = [
    pytest.param(table, key, id=table.full(key.name))
    for table in (SERVICE, *outputs())
    for key in table.keys
]
"""Every key with its output."""


def root(table: Output) -> object:
    """The section in which the table's settings stand."""
    return sink_module(table.sink).Config if table.sink else Settings


@pytest.mark.parametrize(("table", "key"), ROWS)
def test_a_key_becomes_a_setting_that_there_is(table: Output, key: Key) -> None:
    if key.to:
        assert types_at(root(table), tuple(key.to.split("."))), key.to
    elif key.kind != "threshold":
        assert key.needless, "say why it has no counterpart"


@pytest.mark.parametrize(("table", "key"), ROWS)
def test_what_is_a_secret_here_is_one_in_the_table(table: Output, key: Key) -> None:
    if key.to:
        path = (*key.to.split("."), *(["X-Any"] if key.kind == "map" else []))
        assert key.secret == holds_secret(root(table), path)


@pytest.mark.parametrize("table", outputs(), ids=lambda table: table.name)
def test_what_is_set_in_any_case_and_what_switches_on_is_known(table: Output) -> None:
    for name, _, why in table.fixed:
        assert types_at(root(table), tuple(name.split("."))), name
        assert why
    assert {*table.switches} <= {key.name for key in table.keys}


@pytest.mark.parametrize(("table", "key"), ROWS)
def test_a_condition_names_a_key_beside_it(table: Output, key: Key) -> None:
    names = {one.name for one in table.keys}
    assert {*key.when, *key.unless} <= names


def test_no_key_is_there_twice() -> None:
    names = [table.full(key.name) for table in (SERVICE, *outputs()) for key in table.keys]
    assert sorted(set(names)) == sorted(names)
    assert known_keys() == set(names)
    assert known_keys().isdisjoint(ABSENT.values())


@pytest.mark.parametrize(
    ("key", "name"),
    [("aws.s3.bucket", "AWS_S3_BUCKET"), ("listenport", "LISTENPORT")],
)
def test_a_variable_is_the_key_in_capitals(key: str, name: str) -> None:
    assert variable(key) == name


@pytest.mark.parametrize(
    ("keys", "is_theirs"),
    [
        (["listenaddress", "listenport"], True),
        (["Slack", "customfields"], True),
        (["teams"], True),
        (["teams", "something"], True),
        (["sinks"], False),
        (["listenport", "sinks"], False),
        (["listen"], False),
        ([], False),
    ],
)
def test_a_file_is_theirs_when_it_has_their_keys_and_none_of_ours(
    keys: list[str], is_theirs: bool
) -> None:
    assert compat.recognise(dict.fromkeys(keys), Settings.model_fields) == is_theirs


@pytest.mark.parametrize(
    ("environ", "is_on"),
    [
        ({"SLACK_WEBHOOKURL": "https://h/x"}, True),
        ({"TEAMS_WEBHOOKURL": "https://h/x"}, True),
        ({"LISTENPORT": "2900"}, True),
        ({"SLACK_WEBHOOKURL": ""}, False),
        ({"DEBUG": "true", "AWS_REGION": "x", "PATH": "/bin"}, False),
        ({}, False),
    ],
)
def test_the_environment_alone_is_theirs_with_a_name_that_only_they_have(
    environ: dict[str, str], is_on: bool
) -> None:
    assert compat.switched_on(environ) == is_on


def test_no_variable_of_ours_or_of_everybody_is_theirs() -> None:
    assert not {"DEBUG", "AWS_REGION", "AWS_ACCESSKEYID", "PATH"} & variables()
    assert not [name for name in variables() if name.startswith("SIDEKICK")]
