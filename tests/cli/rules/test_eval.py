"""``sidekick rules eval``: events in, Falco's alerts out, bad lines told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.rules.conftest import Command
from tests.rules.rule_texts import FALCO_RULES, rule

EVENTS: list[dict[str, Any]] = [
    {"time": 1_700_000_000_000_000_001, "type": "open", "fields": {"fd.name": "/etc/shadow"}},
    {"type": "open", "fields": {"fd.name": "/tmp/x", "proc.name": "cat"}},
    {"source": "syscall", "type": "close", "fields": {}},
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A rule file and events."""
    rule_file, events = tmp_path / "rules.yaml", tmp_path / "events.ndjson"
    rule_file.write_text(
        "- macro: opens\n  condition: evt.type = open\n"
        "- list: names\n  items: [cat, dd]\n"
        + rule("Shadow", "opens and fd.name = /etc/shadow", "read %fd.name", tags="[b, a]")
        + rule("Any", "opens", priority="NOTICE")
    )
    events.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    return rule_file, events


def test_alerts_are_printed_as_falco_does(rules: Command, files: tuple[Path, Path]) -> None:
    done = rules("eval", "--rules", *files, "--hostname", "h")
    assert done.code == 0, done.err
    first, second = map(json.loads, done.lines)
    assert first["rule"] == "Shadow"
    assert first["priority"] == "Warning"
    assert first["source"] == "syscall"
    assert first["hostname"] == "h"
    assert first["tags"] == ["a", "b"]
    assert first["time"] == "2023-11-14T22:13:20.000000001Z"
    assert first["output_fields"]["evt.time"] == 1_700_000_000_000_000_001
    assert first["output_fields"]["fd.name"] == "/etc/shadow"
    assert ".000000001: Warning read /etc/shadow container_id=<NA> " in first["output"]
    assert list(first) == sorted(first)
    assert second["rule"] == "Any"


def test_all_rules_priorities_and_text(rules: Command, files: tuple[Path, Path]) -> None:
    done = rules("eval", "--rules", *files, "--matching", "all")
    assert [json.loads(line)["rule"] for line in done.lines] == ["Shadow", "Any", "Any"]
    done = rules("eval", "--rules", *files, "--priority", "warning")
    assert [json.loads(line)["rule"] for line in done.lines] == ["Shadow"]
    done = rules("eval", "--rules", *files, "--text", "--iso8601")
    assert done.lines[0].startswith(
        "2023-11-14T22:13:20.000000001+0000: Warning read /etc/shadow container_id="
    )
    assert rules("eval", "--rules", *files, "--priority", "loud").code == 2


def test_rule_files_may_be_named_in_both_ways_and_be_folders(
    rules: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    rule_file, events = files
    more = tmp_path / "more"
    more.mkdir()
    (more / "more.yaml").write_text(rule("Closed", "evt.type = close"))
    for words in (
        ("--rules", rule_file, more, events),
        ("--rules", rule_file, "--rules", more, events),
        (events, "--rules", rule_file, more),
        ("--rules", rule_file, events, more),
    ):
        done = rules("eval", *words)
        assert [json.loads(line)["rule"] for line in done.lines] == ["Shadow", "Any", "Closed"]


def test_events_come_from_standard_input(rules: Command, files: tuple[Path, Path]) -> None:
    for words in (("-",), (), (files[0],)):
        done = rules("eval", "--rules", files[0], *words, stdin=files[1].read_bytes())
        assert len(done.lines) == 2


def test_a_condition_is_true_or_false(rules: Command, files: tuple[Path, Path]) -> None:
    done = rules("eval", "--condition", "fd.directory = /etc", files[1])
    assert done.lines == ["true", "false", "false"]
    assert done.code == 0
    done = rules("eval", "--condition", "not ka.verb exists and evt.type = open", files[1])
    assert done.lines == ["true", "true", "false"]


def test_a_condition_may_use_macros_and_lists(rules: Command, files: tuple[Path, Path]) -> None:
    condition = "opens and proc.name in (names)"
    done = rules("eval", "--condition", condition, "--rules", *files)
    assert done.lines == ["false", "true", "false"]
    done = rules("eval", "--condition", condition, files[1])
    assert done.code == 1


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("proc.name =", "1:12: expected"),
        ("proc.nam = x", "1:1: nonexistent field"),
        ("evt.type = opne", "1:12: unknown event type opne"),
    ],
)
def test_a_bad_condition_is_told(
    rules: Command, files: tuple[Path, Path], condition: str, reason: str
) -> None:
    done = rules("eval", "--condition", condition, files[1])
    assert done.code == 1
    assert reason in done.err
    assert not done.out


BAD = [
    ("nonsense", "not JSON"),
    ("[1]", "wanted an object"),
    ('{"type": 5}', '"type"'),
    ('{"fields": {"fd.num": "x"}}', 'field "fd.num"'),
    ('{"time": "yesterday"}', '"time"'),
    ("[" * 100_000, "nested too deep"),
    ("\x00", "not JSON"),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_line_is_told_and_the_others_go_on(
    rules: Command, files: tuple[Path, Path], line: str, reason: str
) -> None:
    good = json.dumps(EVENTS[0])
    stdin = f"{line}\n\n{good}\n"
    done = rules("eval", "--rules", files[0], "-", stdin=stdin)
    assert done.code == 1
    assert done.err.startswith("<stdin>:1: ")
    assert reason in done.err
    assert len(done.lines) == 1
    done = rules("eval", "--condition", "evt.type = open", stdin=stdin)
    assert done.lines == ["error", "true"]


def test_a_line_without_end_is_refused_and_the_next_one_read(
    rules: Command, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidekick.cli.rules._events.LONGEST_LINE", 300)
    stdin = f'{{"x": "{"x" * 2000}"}}\n{json.dumps(EVENTS[0])}'
    done = rules("eval", "--rules", files[0], stdin=stdin)
    assert "<stdin>:1: the line is longer than 300 bytes" in done.err
    assert len(done.lines) == 1


def test_times_may_be_rfc_3339(rules: Command, files: tuple[Path, Path]) -> None:
    event = {**EVENTS[0], "time": "2023-11-14T22:13:20.000000001Z"}
    done = rules("eval", "--rules", files[0], stdin=json.dumps(event))
    assert json.loads(done.out)["time"] == "2023-11-14T22:13:20.000000001Z"


def test_bad_rules_are_told_with_their_place(
    rules: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(rule("Bad", "evt.type = open and no.such = 1"))
    done = rules("eval", "--rules", bad, files[1])
    assert done.code == 1
    assert f"{bad}:2:" in done.err
    assert "no.such" in done.err
    assert rules("eval", "--rules", tmp_path / "none.yaml", files[1]).code == 1
    assert rules("eval", "--rules", files[0], tmp_path / "none.ndjson").code == 1


def test_without_rules_the_packs_are_taken(rules: Command, tmp_path: Path) -> None:
    fields = {"proc.name": "xmrig", "proc.cmdline": "xmrig -o stratum+tcp://pool:3333"}
    event = {"type": "execve", "fields": fields}
    done = rules("eval", stdin=json.dumps(event))
    assert [json.loads(line)["rule"] for line in done.lines] == ["Crypto miner started"]


def test_rules_may_come_from_a_configuration(
    rules: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tmp_path / "sidekick.yaml"
    config.write_text(
        f"rules: {{files: [{files[0]}], matching: all, append_output: [], static_fields: {{a: b}}}}"
    )
    done = rules("eval", "-c", config, files[1])
    assert [json.loads(line)["rule"] for line in done.lines] == ["Shadow", "Any", "Any"]
    assert json.loads(done.lines[0])["output"].endswith(": Warning read /etc/shadow")
    done = rules("eval", "-c", config, "--matching", "first", "-D", "Shad", files[1])
    assert [json.loads(line)["rule"] for line in done.lines] == ["Any", "Any"]
    done = rules("eval", "-t", "a", "--rules", *files)
    assert [json.loads(line)["rule"] for line in done.lines] == ["Shadow"]


def test_parts_of_the_json_can_be_chosen(rules: Command, files: tuple[Path, Path]) -> None:
    words = ("--without-property", "output_fields", "--without-property", "tags", "--with-message")
    first = json.loads(rules("eval", *words, "--rules", *files).lines[0])
    assert "output_fields" not in first
    assert "tags" not in first
    assert first["message"].startswith("read /etc/shadow container_id=")


@pytest.mark.skipif(not FALCO_RULES.exists(), reason="the official rule files are not here")
def test_the_official_rules_see_a_password_file_read(rules: Command, tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    fields = {"proc.name": "cat", "fd.name": "/etc/shadow", "fd.num": 3, "fd.typechar": "f"}
    events.write_text(
        json.dumps({"type": "openat", "fields": {**fields, "evt.is_open_read": True}})
        + "\n"
        + json.dumps({"type": "openat", "fields": {**fields, "evt.is_open_read": False}})
    )
    files = [FALCO_RULES / f"falco{name}_rules.yaml" for name in ("", "-incubating", "-sandbox")]
    done = rules("eval", "--rules", *files, events)
    assert [json.loads(line)["rule"] for line in done.lines] == ["Read sensitive file untrusted"]


AUDIT = {
    "kind": "Event",
    "auditID": "1",
    "stage": "ResponseComplete",
    "stageTimestamp": "2023-11-14T22:13:20.123456Z",
    "verb": "create",
    "user": {"username": "alice"},
    "objectRef": {"resource": "pods"},
    "responseStatus": {"code": 201},
    "big": 12345678901234567890123,
}


@pytest.fixture
def audit_rules(tmp_path: Path) -> Path:
    """A rule for audit events."""
    path = tmp_path / "audit.yaml"
    condition = "ka.verb = create and ka.target.resource = pods"
    output = "%ka.user.name %ka.response.code %jevt.value[/big] %evt.num"
    path.write_text(rule("Pod", condition, output, source="k8s_audit"))
    return path


def test_audit_events_go_through_their_extraction(rules: Command, audit_rules: Path) -> None:
    event = {"source": "k8s_audit", "payload": AUDIT}
    done = rules("eval", "--rules", audit_rules, stdin=json.dumps(event))
    assert done.code == 0, done.err
    alert = json.loads(done.out)
    assert alert["time"] == "2023-11-14T22:13:20.123456000Z"
    assert alert["source"] == "k8s_audit"
    assert alert["output"].endswith(": Warning alice 201 12345678901234567890123 1")
    assert alert["output_fields"]["ka.response.code"] == "201"
    done = rules("eval", "--condition", "ka.verb=create", stdin=json.dumps({"payload": AUDIT}))
    assert done.lines == ["true"]


def test_a_line_of_an_audit_log_is_an_event_as_it_is(rules: Command, audit_rules: Path) -> None:
    done = rules("eval", "--rules", audit_rules, stdin=f"  {json.dumps(AUDIT)} \n")
    assert json.loads(done.out)["output"].endswith(": Warning alice 201 12345678901234567890123 1")


def test_fields_of_audit_events_may_be_given_too(rules: Command, audit_rules: Path) -> None:
    fields = {"ka.verb": "create", "ka.target.resource": "pods"}
    event = {"source": "k8s_audit", "time": 1, "fields": fields}
    done = rules("eval", "--rules", audit_rules, stdin=json.dumps(event))
    assert json.loads(done.out)["rule"] == "Pod"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"payload": 5}, '"payload": '),
        ({"payload": []}, '"payload": '),
        ({"payload": {}, "source": "syscall"}, '"source": a payload is for k8s_audit'),
        ({"payload": {}, "time": "x"}, '"time"'),
    ],
)
def test_a_payload_that_is_none_is_told(
    rules: Command, audit_rules: Path, event: dict[str, Any], reason: str
) -> None:
    done = rules("eval", "--rules", audit_rules, stdin=json.dumps(event))
    assert done.code == 1
    assert done.err.startswith(f"<stdin>:1: {reason}")
