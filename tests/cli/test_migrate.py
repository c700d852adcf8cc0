"""``sidekick migrate`` as a user types it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import sidekick

SECRET = "a-secret-of-some-length"
FILE = f"""\
listenport: 2805
slack: {{webhookurl: 'https://hooks.example/{SECRET}', minimumpriority: error}}
teams: {{webhookurl: 'https://teams.example/x'}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of falcosidekick's."""
    path = tmp_path / "falcosidekick.yaml"
    path.write_text(FILE)
    return path


def test_a_written_configuration_is_good_as_it_is(file: Path, tmp_path: Path) -> None:
    new = tmp_path / "sidekick.yaml"
    done = sidekick("migrate", str(file), "-o", str(new))
    assert (done.returncode, done.stdout) == (0, "")
    assert f"wrote {new}, and its secrets into {tmp_path / 'secrets'}" in done.stderr
    assert SECRET not in new.read_text()
    checked = sidekick("check", "-c", str(new))
    assert "no faults; 1 sink" in checked.stdout, checked.stderr


def test_what_is_written_only_its_owner_may_read(file: Path, tmp_path: Path) -> None:
    sidekick("migrate", str(file), "-o", str(tmp_path / "sidekick.yaml"))
    paths = [tmp_path / "sidekick.yaml", *(tmp_path / "secrets").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_a_printed_configuration_names_the_variables_that_it_wants(
    file: Path, tmp_path: Path
) -> None:
    done = sidekick("migrate", str(file))
    assert done.returncode == 0
    assert SECRET not in done.stdout + done.stderr
    assert "set SLACK_WEBHOOKURL" in done.stderr
    assert "# - teams.webhookurl: sidekick has no output teams yet" in done.stdout
    new = tmp_path / "new.yaml"
    new.write_text(done.stdout)
    lacking = sidekick("check", "-c", str(new))
    assert "the environment variable SLACK_WEBHOOKURL is not set" in lacking.stderr
    assert sidekick("check", "-c", str(new), SLACK_WEBHOOKURL="https://h/x").returncode == 0


def test_the_environment_alone_can_be_migrated(tmp_path: Path) -> None:
    done = sidekick("migrate", "--from-env", WEBHOOK_ADDRESS=f"http://h/{SECRET}")
    assert "url: ${WEBHOOK_ADDRESS}" in done.stdout
    assert "from falcosidekick's environment variables" in done.stdout
    assert SECRET not in done.stdout


def test_a_file_that_is_there_is_kept_unless_forced(file: Path, tmp_path: Path) -> None:
    new = tmp_path / "sidekick.yaml"
    new.write_text("mine")
    done = sidekick("migrate", str(file), "-o", str(new))
    assert done.returncode == 1
    assert "is there already; --force replaces it" in done.stderr
    assert new.read_text() == "mine"
    assert not (tmp_path / "secrets").exists()
    assert sidekick("migrate", str(file), "-o", str(new), "--force").returncode == 0
    assert "slack" in new.read_text()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sinks: {out: {type: stdout}}\n", "wanted falcosidekick's configuration or Falco's"),
        ("[]", "wanted falcosidekick's configuration or Falco's"),
        ("listenport: x\n", "falcosidekick.yaml:1:13: listenport: wanted a whole number"),
        ("listenport: [\n", "falcosidekick.yaml:2:1: not valid YAML"),
    ],
)
def test_what_cannot_be_migrated_is_one_sentence(file: Path, text: str, reason: str) -> None:
    file.write_text(text)
    done = sidekick("migrate", str(file))
    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [(), ("x.yaml", "--from-env")])
def test_it_wants_a_file_or_the_environment(words: tuple[str, ...]) -> None:
    done = sidekick("migrate", *words)
    assert done.returncode == 2
    assert "wanted FILE or --from-env" in done.stderr


def test_an_environment_without_falcosidekicks_variables_is_told() -> None:
    assert not any(name.endswith("_WEBHOOKURL") for name in os.environ)
    done = sidekick("migrate", "--from-env")
    assert "the environment: wanted falcosidekick's configuration or Falco's" in done.stderr


def test_falcos_own_configuration_is_written_with_the_files_that_it_names(tmp_path: Path) -> None:
    folder = tmp_path / "config.d"
    folder.mkdir()
    (folder / "a.yaml").write_text("rules_files: [/second.yaml]\npriority: error\n")
    (folder / "b.txt").write_text("priority: alert\n")
    (tmp_path / "rules.yaml").write_text("- list: none\n  items: []\n")
    falco = tmp_path / "falco.yaml"
    falco.write_text(
        f"config_files: [{folder}, {tmp_path}/away]\nrules_files: [/first.yaml]\n"
        f"priority: debug\njson_output: true\nstdout_output: {{enabled: true}}\n"
        f"http_output: {{enabled: true, url: 'http://hub:2801/token/{SECRET}'}}\n"
    )
    new = tmp_path / "sidekick.yaml"
    done = sidekick("migrate", str(falco), "-o", str(new))
    assert done.returncode == 0, done.stderr
    text = new.read_text()
    assert "files: [/first.yaml, /second.yaml]" in text
    assert "priority: error" in text
    sentences = text.replace("\n# ", " ")
    assert f"- config_files: {tmp_path}/away is not here" in sentences
    assert SECRET not in text
    new.write_text(text.replace("[/first.yaml, /second.yaml]", f"[{tmp_path}/rules.yaml]"))
    checked = sidekick("check", "-c", str(new))
    assert "no faults; 2 sinks" in checked.stdout, checked.stderr


@pytest.mark.parametrize("named", ["config_files: 5", "config_files: [{path: /a, strategy: x}]"])
def test_files_that_falco_would_not_take_are_told(tmp_path: Path, named: str) -> None:
    falco = tmp_path / "falco.yaml"
    falco.write_text(f"{named}\njson_output: true\n")
    done = sidekick("migrate", str(falco))
    assert done.returncode == 1
    assert f"{falco}: config_files: wanted" in done.stderr
