"""The commands against a running hub, as a user types them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sidekick.cli.silence import _user
from tests.cli.conftest import SIDEKICK, Hub, columns, dead_letters, sidekick, until
from tests.web.listening import alert

READING = [
    ("lanes",),
    ("search",),
    ("dead", "list"),
    ("quarantine",),
    ("top", "--once"),
    ("doctor",),
    ("version",),
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_command_prints_for_people_and_json_for_programs(
    hub: Hub, words: tuple[str, ...]
) -> None:
    plain = hub(*words)
    assert plain.stdout.strip()
    assert "\x1b" not in plain.stdout, "no colour where there is no terminal"
    assert "Traceback" not in plain.stderr
    as_json = hub(*words, "--json")
    assert json.loads(as_json.stdout.splitlines()[0]) is not None
    assert "\x1b" not in as_json.stdout


@pytest.mark.parametrize("words", [w for w in READING if w not in (("version",), ("doctor",))])
def test_without_a_hub_a_command_says_what_to_do(words: tuple[str, ...]) -> None:
    done = sidekick(*words)
    assert done.returncode == 1
    assert "no hub answers at http://127.0.0.1:1" in done.stderr
    assert "sidekick hub" in done.stderr
    assert "Traceback" not in done.stderr


def test_lanes_tells_what_each_does(hub: Hub) -> None:
    rows = {row[0]: row for row in columns(hub("lanes").stdout)}
    assert rows["out"][1:3] == ["file", "running"]
    assert rows["gone"][1] == "webhook"


def test_search_finds_by_condition_newest_first(hub: Hub) -> None:
    found = hub("search", "alert.priority >= critical", "--since", "1h", "--json").stdout
    (entry,) = [json.loads(line) for line in found.splitlines()]
    assert entry["document"]["rule"] == "Steal\x1b[31m"
    rules = [line.split()[3] for line in hub("search").stdout.splitlines()]
    assert rules[0].startswith("Steal")


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("search", "proc.name ="), 1, "1:12"),
        (("search", "--since", "yesteryear"), 2, "yesteryear"),
        (("dead", "list", "--lane", "nobody"), 1, "out"),
        (("replay", "--lane", "nobody", "--since", "1h"), 1, "nobody"),
        (("silence", "nonsense"), 2, "nonsense"),
        (("nonsense",), 2, "nonsense"),
        (("silnce", "list"), 2, 'did you mean "silence"?'),
        (("rules", "chek"), 2, 'did you mean "check"?'),
        (("show", "nobody"), 1, 'there is no alert "nobody"'),
        (("dead", "show", "nobody"), 1, 'there is no dead letter "nobody"'),
    ],
)
def test_a_wrong_call_is_one_sentence(
    hub: Hub, words: tuple[str, ...], code: int, reason: str
) -> None:
    done = hub(*words)
    assert done.returncode in (1, 2)
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_call_of_the_wrong_port_is_told(hub: Hub) -> None:
    done = sidekick("lanes", url=f"http://127.0.0.1:{hub.system.port}")
    assert done.returncode == 1
    assert "is that the admin API" in done.stderr


@pytest.mark.parametrize("words", [("-h",), ("rules", "-h"), ("dead", "list", "-h")], ids=" ".join)
def test_help_has_a_short_name(words: tuple[str, ...]) -> None:
    assert sidekick(*words).stdout.startswith("Usage: sidekick")


def test_one_alert_is_shown_with_its_score_and_why(hub: Hub) -> None:
    found = json.loads(hub("search", "alert.rule = Shell", "--json", "--limit", "1").stdout)
    state = str(hub.system.directory / "state")
    shown = hub("show", found["id"]).stdout
    for word in (found["id"], "priority", "proc.name = bash", "gone, out", "1 time, first 20"):
        assert word in shown
    assert sidekick("show", found["id"], "--state", state).stdout == shown
    assert hub("search", "alert.rule = Shell", "--limit", "1", "--full").stdout == shown
    assert json.loads(hub("show", found["id"], "--json").stdout) == found
    assert sidekick("show", "x", "--state", state).returncode == 1


def test_the_configuration_can_be_named_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "sidekick.yaml"
    file.write_text("listen: {prot: 1}\n")
    for words in (("hub",), ("run",), ("check",), ("route", "show")):
        done = sidekick(*words, SIDEKICK_CONFIG=str(file))
        assert (done.returncode, f"{file}:1:10: " in done.stderr) == (1, True), words


def test_a_log_can_be_read_without_its_hub(hub: Hub) -> None:
    state = str(hub.system.directory / "state")
    assert "Shell" in sidekick("search", "--state", state).stdout
    assert "gone" in sidekick("dead", "list", "--state", state).stdout
    assert sidekick("quarantine", "--state", state).stdout.strip()
    assert "no alert log" in sidekick("search", "--state", "/nowhere").stderr


def test_dead_letters_are_shown_and_tried_again(hub: Hub) -> None:
    letters = dead_letters(hub)
    shown = hub("dead", "show", letters[0]["id"])
    assert "refused" in shown.stdout
    assert ", after 1 try\n" in shown.stdout
    before = len(letters)
    assert hub("dead", "retry", "--lane", "gone", letters[0]["id"]).returncode == 0
    until(lambda: len(dead_letters(hub)) == before)


def test_replay_sends_from_the_log_again(hub: Hub) -> None:
    file = hub.system.directory / "alerts.ndjson"
    before = file.read_text().count("\n")
    done = hub("replay", "--since", "1h", "--lane", "out", "--match", "alert.rule = Shell")
    assert done.returncode == 0, done.stderr
    until(lambda: file.read_text().count("\n") == before + 1)
    assert "%" not in done.stdout, "no progress bar where there is no terminal"


def test_a_silence_is_made_listed_and_ended(hub: Hub) -> None:
    made = hub(
        "silence", "add", "alert.rule = Quiet", "--for", "1h", "--comment", "maintenance", "--json"
    )
    assert made.returncode == 0, made.stderr
    name = json.loads(made.stdout)["id"]
    assert hub.post(alert("Quiet")) == 200
    listed = hub("silence", "list").stdout
    assert name in listed
    assert "maintenance" in listed
    assert hub("silence", "expire", name).returncode == 0


def test_a_user_without_a_name_may_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("sidekick.cli.silence.getpass.getuser", nobody)
    monkeypatch.setattr("sidekick.cli.silence.os.getuid", lambda: 1234)
    assert _user() == "uid 1234"


def test_what_a_terminal_cannot_show_is_written_as_an_escape(hub: Hub) -> None:
    assert hub.post(alert("日本")) == 200
    done = hub("search", 'alert.rule startswith "日"', PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert r"\u65e5\u672c" in done.stdout


def test_tail_shows_what_comes(hub: Hub) -> None:
    watching = subprocess.Popen(
        [SIDEKICK, "tail", "alert.rule = Tailed", "--limit", "1", "--url", hub.url],
        stdout=subprocess.PIPE,
        text=True,
    )
    until(lambda: hub.post(alert("Tailed")) == 200 and watching.poll() is not None)
    out, _ = watching.communicate(timeout=20)
    assert "Tailed" in out


@pytest.mark.parametrize("words", [("search",), ("lanes",), ("top", "--once")], ids=" ".join)
def test_a_reader_that_goes_away_is_no_fault(hub: Hub, words: tuple[str, ...]) -> None:
    command = f"{SIDEKICK} {' '.join(words)} --url {hub.url} | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


# -- check, route, doctor ----------------------------------------------------------------------


def test_check_names_every_fault_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sidekick.yaml"
    file.write_text("listen: {prot: 1}\nsinks:\n  a: {type: slak}\n")
    done = sidekick("check", "-c", str(file))
    assert done.returncode == 1
    assert f"{file}:1:10: " in done.stderr
    assert f"{file}:3:" in done.stderr
    as_json = sidekick("check", "-c", str(file), "--json")
    assert len(json.loads(as_json.stdout)["faults"]) == 2


def test_check_probes_every_sink(hub: Hub) -> None:
    done = sidekick("check", "-c", str(hub.config), "--probe")
    assert done.returncode == 1
    assert "ok    out" in done.stdout
    assert "fail  gone: " in done.stdout
    found = json.loads(sidekick("check", "-c", str(hub.config), "--probe", "--json").stdout)
    assert (found["ok"], found["sinks"]["out"]) == (False, "")


def test_check_looks_at_the_certificates_that_a_start_would_read(tmp_path: Path) -> None:
    file = tmp_path / "sidekick.yaml"
    file.write_text("listen: {tls: {cert_file: none.pem, key_file: none.key}}\n")
    for command in ("check", "hub"):
        done = sidekick(command, "-c", str(file))
        assert done.returncode == 1
        assert "listen.tls.cert_file: cannot use none.pem: No such file" in done.stderr


def test_check_of_the_defaults_is_good() -> None:
    assert sidekick("check").returncode == 0


EXPLAINED = "sinks: {a: {type: stdout}, b: {type: stdout}}\nroute: {lanes: [a]}\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A configuration and an alert."""
    config, body = tmp_path / "sidekick.yaml", tmp_path / "alert.json"
    config.write_text(EXPLAINED)
    body.write_bytes(alert("Shell"))
    return str(config), str(body)


def test_route_explain_says_stage_by_stage_what_happens(files: tuple[str, str]) -> None:
    config, body = files
    done = sidekick("route", "explain", body, "-c", config)
    stages = [line.partition(":")[0] for line in done.stdout.splitlines() if line[0] != " "]
    assert stages == ["fingerprint", "dedup", "enrich", "score", "silence", "route", "lanes"]
    assert done.stdout.endswith("lanes: a\n")


def test_route_explain_reads_from_a_pipe_and_prints_json(files: tuple[str, str]) -> None:
    config, body = files
    text = Path(body).read_text()
    done = sidekick("route", "explain", "-", "-c", config, "--json", stdin=text)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["outcome"]["lanes"] == ["a"]


def test_route_explain_asks_the_running_hub(hub: Hub, files: tuple[str, str]) -> None:
    done = hub("route", "explain", files[1])
    assert done.returncode == 0, done.stderr
    assert "lanes: " in done.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [(("--at", "someday"), "someday"), ((), "priority")],
)
def test_route_explain_says_what_is_wrong(
    files: tuple[str, str], words: tuple[str, ...], reason: str
) -> None:
    config, body = files
    if not words:
        Path(body).write_bytes(alert(priority="loud"))
    done = sidekick("route", "explain", body, "-c", config, *words)
    assert done.returncode in (1, 2)
    assert reason in done.stderr


def test_route_show_draws_the_tree(tmp_path: Path) -> None:
    file = tmp_path / "sidekick.yaml"
    file.write_text(
        EXPLAINED.replace(
            "{lanes: [a]}", "{lanes: [a], routes: [{match: proc.name = x, lanes: []}]}"
        )
    )
    lines = sidekick("route", "show", "-c", str(file)).stdout.splitlines()
    assert lines == ["/  every alert  ->  a", "  0  proc.name = x  ->  no lane"]


def test_doctor_tells_what_is_wrong_and_what_to_do(hub: Hub) -> None:
    done = hub("doctor", "-c", str(hub.config))
    assert "ok    configuration: " in done.stdout
    assert "lane gone: " in done.stdout
    assert "warn  quarantine: " in done.stdout
    state = str(hub.system.directory / "state")
    assert f"{state} is writable" in hub("doctor", "--state", state).stdout
    nobody = sidekick("doctor")
    assert nobody.returncode == 1
    assert "fail  hub: no hub answers" in nobody.stdout


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from sidekick.__main__ import run; run(['--help']); "
        "heavy = {'fastapi', 'pydantic', 'httpx', 'rich', 'aiohttp', 'boto3', 'aiokafka'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [SIDEKICK.parent / "python", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "route" in done.stdout
