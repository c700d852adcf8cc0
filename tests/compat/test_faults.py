"""Where a fault of falcosidekick's configuration is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidekick.errors import ConfigError
from tests.compat.loading import WEBHOOK, loaded


def test_a_template_that_cannot_be_one_is_a_fault_with_its_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:3:22: .*1:9: there is no fun") as raised:
        loaded(tmp_path, WEBHOOK + "templatedfields: {a: '{{ .x | upper }}'}\n")
    assert "templatedfields.a" in str(raised.value)


def test_a_fault_has_its_place_in_falcosidekicks_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:2:13: listenport: wanted .* found \"x\""):
        loaded(tmp_path, "debug: true\nlistenport: x\n")


def test_a_fault_in_a_variable_names_the_variable_and_not_its_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, WEBHOOK, WEBHOOK_ADDRESS="secret-nonsense")
    (fault,) = raised.value.faults
    wanted = 'wanted a URL such as "https://host/path"'
    assert fault == f"environment: WEBHOOK_ADDRESS: {wanted}, found another text in WEBHOOK_ADDRESS"


def test_faults_of_the_file_and_of_variables_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, "listenport: x\n", ALERTMANAGER_HOSTPORT="http://a,nonsense")
    first, second = raised.value.faults
    assert first.startswith("environment: ALERTMANAGER_HOSTPORT[1]: wanted a URL")
    assert second.startswith(f"{tmp_path / 'config.yaml'}:1:13: listenport: wanted a whole number")
