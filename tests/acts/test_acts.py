"""Acts: there is one for each rule, they change nothing, and the sensor sees what they do."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
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
from tests.sensor.kernel import running

ACTS = all_acts()
WITHOUT = {"Kubernetes API contacted from a container"}
"""It asks for the name of an image, which no control group can pretend to have."""
ATTEMPTS = 4
PATIENCE_SECS = 8.0
UNSEEN = {"User namespace made in a container", "Change namespace privileges via unshare"}
"""The rules of one act, which gives up its rights and executes nothing before the call: what a
process may do, the sensor (as Falco) knows from its last event, and there is none in between."""
WITHOUT_OF_FALCO = {
    "Contact K8S API Server From Container": "asks for a name of the address",
    "Detect outbound connections to common miner pool ports": "asks for a name of the address",
    "Debugfs Launched in Privileged Container": "asks the container runtime",
    "Launch Privileged Container": "asks the container runtime",
    "Mount Launched in Privileged Container": "asks the container runtime",
    "Network Connection outside Local Subnet": "says nothing as it is shipped",
    "Launch Disallowed Container": "says nothing as it is shipped",
    "Modify Container Entrypoint": "is about a link of /proc to the program itself",
    "Container Access to Host Sensitive Paths": "is about folders that machines do not have",
}
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
def test_nearly_each_of_falcos_rules_has_an_act() -> None:
    rules = {rule.name for rule in load_files(SYSCALL_FILES).rules}
    acted = {name for act in ACTS.values() for name in act.falco}
    assert acted - rules == set()
    assert rules - acted == WITHOUT_OF_FALCO.keys()


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
    """What the sensor tells of all acts, of a time when this machine was not too busy for it."""
    need_kernel()
    found: list[dict[str, Any]] = []
    for _ in range(ATTEMPTS):
        found = list(_of_all_acts(tmp_path_factory.mktemp("acts")))
        if not any(alert["source"] == "internal" for alert in found):
            return found
    return [alert for alert in found if alert["source"] != "internal"]


def _of_all_acts(state: Path) -> Iterator[dict[str, Any]]:
    """The alerts of acts and of lost events, up to those of a last act."""
    (state / "sidekick.yaml").write_text(CONFIG)
    last = sum("Crypto miner started" in act.rules for act in ACTS.values()) + 1
    with (
        running("run", "--json", "-c", str(state / "sidekick.yaml"), state=state) as sidekick,
        suppress(queue.Empty),
    ):
        sidekick.hears("the sensor watches")
        assert _sidekick("acts", "run", "--all").returncode == 0
        assert _sidekick("acts", "run", "mining-pool").returncode == 0
        while last:
            found = sidekick.alert_of_any_rule()
            of_act = "/sidekick-act-" in str(found["output_fields"].get("proc.cwd"))
            last -= of_act and found["rule"] == "Crypto miner started"
            if of_act or found["source"] == "internal":
                yield found


@pytest.mark.slow
@needs_official_files
def test_falcos_own_rules_see_the_acts_that_are_theirs(tmp_path: Path) -> None:
    need_kernel()
    (tmp_path / "sidekick.yaml").write_text(
        CONFIG + "rules: {matching: all, select: [{enable: {rule: '*'}}]}\n"
    )
    rules = [argument for path in SYSCALL_FILES for argument in ("--rules", str(path))]
    config = ["-c", str(tmp_path / "sidekick.yaml")]
    expected = {name for act in ACTS.values() for name in act.falco} - UNSEEN
    fired: set[str] = set()
    with running("run", "--json", *config, *rules, state=tmp_path) as sidekick:
        sidekick.hears("the sensor watches")
        for _ in range(ATTEMPTS):
            assert _sidekick("acts", "run", "--all").returncode == 0
            end = time.monotonic() + PATIENCE_SECS
            while expected - fired and time.monotonic() < end:
                fired |= {alert["rule"] for alert in sidekick.alerts()}
                time.sleep(0.1)
            if not expected - fired:
                break
    assert expected - fired == set()


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
