"""The settings of rules."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.model import Priority
from sidekick.rules.append import AppendOutput
from sidekick.rules.config import RulesConfig
from sidekick.rules.engine import EngineConfig
from sidekick.rules.select import Choice


def test_the_defaults_are_falcos() -> None:
    config = RulesConfig()
    assert (config.priority, config.matching, config.choices) == (Priority.DEBUG, "first", [])


def test_a_section_is_read() -> None:
    config = RulesConfig.model_validate(
        {
            "files": ["/etc/rules.yaml", "/etc/rules.d"],
            "priority": "Warning",
            "matching": "all",
            "select": [{"disable": {"rule": "*"}}, {"enable": {"tag": "network"}}],
        }
    )
    assert config.files == ("/etc/rules.yaml", "/etc/rules.d")
    assert config.priority is Priority.WARNING
    assert config.choices == [Choice(False, rule="*"), Choice(True, tag="network")]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"priority": "loud"}, "wanted one of debug, informational"),
        ({"matching": "best"}, "'first' or 'all'"),
        ({"select": [{}]}, "wanted either `enable` or `disable`"),
        ({"select": [{"enable": {"tag": "a"}, "disable": {"tag": "b"}}]}, "wanted either"),
        ({"select": [{"enable": {}}]}, "wanted `rule` or `tag`"),
        ({"select": [{"enable": {"name": "a"}}]}, "Extra inputs"),
    ],
)
def test_what_cannot_be_meant_is_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RulesConfig.model_validate(section)


def test_additions_have_falcos_keys() -> None:
    config = RulesConfig.model_validate(
        {
            "append_output": [
                {"suggested_output": True},
                {
                    "match": {"source": "syscall", "rule": "A", "tags": ["x"]},
                    "extra_output": "uid=%user.uid",
                    "extra_fields": ["proc.tty", "%proc.pid", {"who": "user %user.name"}],
                },
            ],
            "static_fields": {"env": "prod"},
            "time_format_iso_8601": True,
        }
    )
    engine = config.engine_config("node-1")
    assert engine.append_output == (
        AppendOutput(suggested=True),
        AppendOutput(
            rule="A",
            source="syscall",
            tags=frozenset({"x"}),
            output="uid=%user.uid",
            fields={"proc.tty": "", "proc.pid": "", "who": "user %user.name"},
        ),
    )
    assert (engine.hostname, engine.iso8601, engine.static_fields) == (
        "node-1",
        True,
        {"env": "prod"},
    )


def test_the_engine_has_its_own_defaults_by_default() -> None:
    assert RulesConfig().engine_config("") == EngineConfig()


@pytest.mark.parametrize("name", ["", "a b", "1", "a.", "-"])
def test_a_static_field_has_a_name_that_conditions_can_write(name: str) -> None:
    with pytest.raises(ValidationError):
        RulesConfig.model_validate({"static_fields": {name: "x"}})
