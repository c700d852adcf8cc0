"""Acts: there is one for each rule, they change nothing, and the sensor sees what they do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidekick.acts import all_acts
from sidekick.acts.act import Act
from sidekick.acts.perform import NotPerformed, perform
from sidekick.acts.scene import Scene
from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from tests.ebpf.kernel import need_kernel
from tests.rules.loading import SYSCALL_FILES, needs_official_files
from tests.sensor.kernel import Running, running

ACTS = all_acts()
WITHOUT = {"Kubernetes API contacted from a container"}
"""It asks for the name of an image, which no control group can pretend to have."""
UNSEEN = {"User namespace made in a container"}
"""The sensor tells of the capabilities after a call, and a new user namespace gives all of them."""
CONFIG = """
listen: {address: 127.0.0.1, port: 0}
admin: {enabled: false}
dedup: {enabled: false}
"""


def test_each_rule_of_system_calls_has_an_act() -> None:
    rules = {rule.name for rule in load_files(pack_files()).rules if rule.source == "syscall"}
    acted = {name for act in ACTS.values() for name in act.rules}
    assert acted - rules == set()
    assert rules - acted == WITHOUT


@needs_official_files
def test_the_official_rules_that_acts_name_are_there() -> None:
    rules = {rule.name for rule in load_files(SYSCALL_FILES).rules}
    assert {name for act in ACTS.values() for name in act.falco} - rules == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="a view of files of one's own needs root")
def test_files_are_shown_in_their_places_to_the_act_alone(tmp_path: Path) -> None:
    seen = tmp_path / "seen"

    def look(scene: Scene) -> None:
        found = [sorted(os.listdir("/etc")), Path("/etc/act/x").read_text()]
        scene.write("/etc/cron.d/new")
        seen.write_text(repr(found))

    perform(Act("look", look, files={"/etc/act/x": "text"}))
    assert seen.read_text() == repr([["act"], "text"])
    assert Path("/etc/passwd").exists()
    assert not Path("/etc/cron.d/new").exists()


def test_an_act_that_fails_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(scene: Scene) -> None:
        raise FileNotFoundError("it is not there")

    with pytest.raises(NotPerformed, match="the act was not performed"):
        perform(Act("the act", fail))
    assert "it is not there" in capfd.readouterr().err


def test_nothing_is_left_of_an_act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    perform(Act("leaves a file", lambda scene: (scene.folder / "x").touch()))
    assert list(tmp_path.iterdir()) == []


def test_the_command_lists_and_refuses(capfd: pytest.CaptureFixture[str]) -> None:
    assert _sidekick("acts", "list").returncode == 0
    assert "crypto-miner" in capfd.readouterr().out
    assert _sidekick("acts", "run", "cryptominer").returncode == 2
    assert 'did you mean "crypto-miner"?' in capfd.readouterr().err


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the sensor tells of all acts, one after the other."""
    need_kernel()
    state = tmp_path_factory.mktemp("acts")
    (state / "sidekick.yaml").write_text(CONFIG)
    with running("run", "--json", "-c", str(state / "sidekick.yaml"), state=state) as sidekick:
        sidekick.hears("the sensor watches")
        assert _sidekick("acts", "run", "--all").returncode == 0
        return list(_until_the_end(sidekick))


def _until_the_end(sidekick: Running) -> Iterator[dict[str, Any]]:
    """The alerts of acts, up to that of a last one."""
    assert _sidekick("acts", "run", "mining-pool").returncode == 0
    miners = sum("Crypto miner started" in act.rules for act in ACTS.values()) + 1
    while miners:
        found = sidekick.alert_of_any_rule()
        if "/sidekick-act-" in str(found["output_fields"].get("proc.cwd")):
            miners -= found["rule"] == "Crypto miner started"
            yield found


def test_each_act_fires_its_rule_once(alerts: list[dict[str, Any]]) -> None:
    expected = Counter(name for act in ACTS.values() for name in act.rules)
    expected["Crypto miner started"] += 1
    found = Counter(alert["rule"] for alert in alerts)
    assert found - expected == Counter()
    assert (expected - found).keys() <= UNSEEN


def test_alerts_of_acts_say_who_and_where(alerts: list[dict[str, Any]]) -> None:
    inside = {name for act in ACTS.values() if act.container for name in act.rules}
    outside = {name for act in ACTS.values() if not act.container for name in act.rules}
    for found in alerts:
        fields = found["output_fields"]
        assert fields["user.name"] in ("root", "nobody")
        assert fields["proc.name"]
        assert fields["proc.exepath"]
        assert found["rule"] in (outside if fields["container.id"] == "host" else inside)


def _sidekick(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "sidekick", *arguments], check=False, timeout=120)
