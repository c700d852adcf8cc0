"""The rules of a configuration: built whole or refused, and watched."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from sidekick import metrics
from sidekick.errors import ConfigError
from sidekick.rule_engine import build_engine
from sidekick.rule_files import rule_paths
from sidekick.rule_packs import pack_files
from sidekick.rules.compile import Record
from sidekick.rules.config import RulesConfig
from tests.rules.rule_texts import rule


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A rule file."""
    path = tmp_path / "rules.yaml"
    path.write_text(
        rule("A", "evt.type = open and fd.name startswith /a", "%fd.name in %static.env")
        + rule("B", "evt.type = open and static.env = prod", tags="[network]")
    )
    return path


def config(file: Path, **keys: Any) -> RulesConfig:
    return RulesConfig.model_validate(
        {"files": [str(file)], "static_fields": {"env": "prod"}, **keys}
    )


def test_without_files_the_packs_that_are_shipped_are_taken() -> None:
    assert len(build_engine(RulesConfig()).rules) > 50


def test_the_settings_reach_the_alerts(file: Path) -> None:
    engine = build_engine(config(file, matching="all", append_output=[{"extra_output": "!"}]))
    found = engine.alerts("syscall", "open", Record({"fd.name": "/a"}), 1)
    assert [alert.output.partition(": Warning ")[2] for alert in found] == [
        "/a in prod !",
        "hit !",
    ]
    assert all(alert.hostname for alert in found)


def test_rules_are_selected_and_a_choice_without_a_rule_is_told(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    select = [{"disable": {"rule": "A"}}, {"enable": {"tag": "netwrk"}}]
    engine = build_engine(config(file, select=select))
    assert [rule.name for rule in engine.rules] == ["B"]
    assert "no rule has the tag 'netwrk'" in caplog.text


@pytest.mark.parametrize(
    ("text", "keys", "fault"),
    [
        (rule("A", "evt.type = open and no.such = 1"), {}, 'nonexistent field "no.such"'),
        (rule("A", "evt.type = open", "%static.other"), {}, "static.other"),
        (
            rule("A", "evt.type = open"),
            {"append_output": [{"extra_output": "%no.such"}]},
            "rules.append_output[0], for syscall: invalid formatting token no.such",
        ),
    ],
)
def test_what_does_not_load_is_refused_with_its_place(
    tmp_path: Path, text: str, keys: dict[str, Any], fault: str
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(text)
    with pytest.raises(ConfigError) as caught:
        build_engine(config(bad, **keys))
    assert fault in str(caught.value)


def test_a_folder_without_rule_files_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        build_engine(RulesConfig(files=(str(tmp_path),)))
    assert str(caught.value) == f"there is no rule file (*.yaml, *.yml) in {tmp_path}"


def test_a_rule_that_cannot_decide_is_counted_and_told_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = build_engine(config(file))
    before = metrics.faults.labels("rules")._value.get()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            (alert,) = engine.alerts("syscall", "open", Record({"fd.name": 7}), 1)
            assert alert.rule == "B"
    assert metrics.faults.labels("rules")._value.get() == before + 3
    assert len(caplog.records) == 1
    assert caplog.records[0].__dict__["rule"] == "A"


def test_the_files_of_a_folder_are_watched_as_they_come(tmp_path: Path) -> None:
    settings = RulesConfig(files=(str(tmp_path), "/nowhere.yaml"))
    assert rule_paths(settings) == [Path("/nowhere.yaml")]
    (tmp_path / "one.yaml").touch()
    assert rule_paths(settings) == [tmp_path / "one.yaml", Path("/nowhere.yaml")]
    assert rule_paths(settings, [Path("/other.yaml")]) == [Path("/other.yaml")]
    assert rule_paths(RulesConfig()) == list(pack_files())


def test_a_folder_that_cannot_be_read_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ConfigError) as caught:
        build_engine(RulesConfig(files=(str(tmp_path),)))
    assert str(caught.value) == f"rules.files: {tmp_path}: Permission denied"
