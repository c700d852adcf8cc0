"""The settings of rules."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.model import Priority
from sidekick.rules.config import RulesConfig
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
