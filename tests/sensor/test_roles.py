"""``sidekick run`` and ``sidekick sensor`` as they are used, on this machine's kernel."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.ebpf.kernel import need_kernel
from tests.faults.system import free_port
from tests.rules.loading import OFFICIAL, needs_official_files
from tests.sensor.kernel import SECS, act, rule, running

WATCHES = "the sensor watches"


@pytest.fixture(autouse=True)
def _kernel() -> None:
    need_kernel()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path


def mark(state: Path) -> tuple[Path, Path]:
    """A rule for a file of our own, and the file."""
    file = state / "marked"
    file.write_text("x")
    rules = state / "rules.yaml"
    rules.write_text(rule("marked", f"evt.type in (open, openat) and fd.name = {file}"))
    return rules, file


def config(state: Path) -> list[str]:
    return ["-c", str(state / "sidekick.yaml")]


def json_run(state: Path, rules: Path) -> list[str]:
    text = "listen: {address: 127.0.0.1, port: 0}\nadmin: {enabled: false}\n"
    (state / "sidekick.yaml").write_text(text + "dedup: {enabled: false}\n")
    return ["run", "--json", "--rules", str(rules), *config(state)]


def page(port: int, path: str, words: str) -> str:
    """The page, as soon as it has these words."""
    until = time.monotonic() + SECS
    while True:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECS) as answer:
            text: str = answer.read().decode()
            if words in text:
                return text
        assert time.monotonic() < until, f"{path} does not say {words}"
        time.sleep(0.05)


@needs_official_files
def test_a_read_of_the_shadow_file_is_falcos_alert(state: Path) -> None:
    rules = OFFICIAL / "falco_rules.yaml"
    with running(*json_run(state, rules), state=state) as sidekick:
        sidekick.hears(WATCHES)
        act("cat", "/etc/shadow")
        found = sidekick.alert(
            "Read sensitive file untrusted", proc_pname="python", fd_name="/etc/shadow"
        )
    fields: dict[str, Any] = found["output_fields"]
    assert found["priority"] == "Warning"
    assert found["source"] == "syscall"
    assert found["hostname"] == socket.gethostname()
    assert found["tags"] == sorted(found["tags"])
    assert fields["proc.cmdline"] == "cat /etc/shadow"
    assert fields["proc.exepath"] == os.path.realpath("/bin/cat")
    assert fields["user.name"] == "root"
    assert fields["evt.type"] in ("open", "openat")
    assert found["time"].endswith("Z")


def test_rules_with_a_fault_stop_the_start(state: Path) -> None:
    rules = state / "rules.yaml"
    rules.write_text(rule("marked", "evt.type = openat and proc.nam = cat"))
    command = [sys.executable, "-m", "sidekick", *json_run(state, rules), "--state", str(state)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert 'nonexistent field "proc.nam"; did you mean "proc.name"?' in ended.stderr
    assert "the sensor does not start: mend the faults named above" in ended.stderr


def test_changed_rules_are_taken_over_and_broken_ones_are_not(state: Path) -> None:
    rules, file = mark(state)
    with running(*json_run(state, rules), state=state) as sidekick:
        sidekick.hears(WATCHES)
        rules.write_text("- rule: [")
        sidekick.hears("the rules stay as they were")
        act("cat", str(file))
        sidekick.alert("marked")
        other = state / "other"
        rules.write_text(rule("other", f"evt.type = mkdir and evt.arg.path = {other}"))
        sidekick.hears("rules reloaded")
        act("python3", "-c", f"import os; os.mkdir({str(other)!r})")
        sidekick.alert("other")


def test_what_repeats_itself_is_counted_and_none_is_lost(state: Path) -> None:
    rules, file = mark(state)
    with running(*json_run(state, rules), state=state) as sidekick:
        sidekick.hears(WATCHES)
        loop = f"import os\nfor _ in range(20_000): os.close(os.open({str(file)!r}, 0))"
        act("python3", "-c", loop)
        lines = found = 0
        while found < 20_000:
            found += sidekick.alert("marked")["output_fields"].get("evt.count", 1)
            lines += 1
        assert (found, sidekick.alerts()) == (20_000, [])
    assert lines < 2000


def test_a_killed_sensor_is_started_again_and_knows_what_was_there(state: Path) -> None:
    rules, file = mark(state)
    with running(*json_run(state, rules), state=state) as sidekick:
        sidekick.hears(WATCHES)
        parent = sidekick.process.pid
        (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        sidekick.hears("the sensor ended")
        sidekick.hears(WATCHES)
        act("cat", str(file))
        found = sidekick.alert("marked")
    assert found["output_fields"]["proc.cmdline"] == f"cat {file}"


def test_alerts_of_a_killed_hub_wait_and_reach_the_next_one(state: Path) -> None:
    rules, file = mark(state)
    local = f"unix:{state / 'sensor.sock'}"
    with running("sensor", "--to", local, "--rules", str(rules), state=state) as sensor:
        sensor.hears(WATCHES)
        act("cat", str(file))
        sensor.hears("the hub is away")
    with running(*json_run(state, rules), state=state) as sidekick:
        assert sidekick.alert("marked")["output_fields"]["proc.cmdline"] == f"cat {file}"


def test_a_sensor_alone_has_pages_and_tells_a_hub_that_it_is_there(state: Path) -> None:
    rules, file = mark(state)
    port = free_port()
    (state / "sidekick.yaml").write_text(
        f"listen: {{address: 127.0.0.1, port: {port}}}\nadmin: {{enabled: false}}\n"
        "sensor: {enabled: false}\n"
    )
    other = state / "of the sensor"
    other.mkdir()
    to = ("--to", f"http://127.0.0.1:{port}", "--rules", str(rules))
    with (
        running("run", "--json", *config(state), state=state) as hub,
        running("sensor", *to, "--node", "n1", "--metrics", "0", state=other) as sensor,
    ):
        (pages,) = re.findall(r"port=(\d+)", sensor.hears("metrics and probes"))
        act("cat", str(file))
        assert hub.alert("marked")["hostname"] == "n1"
        beat = 'sidekick_node_last_seen_timestamp_seconds{kind="heartbeat",node="n1"}'
        assert "sidekick_node_heartbeat_interval" in page(port, "/metrics", beat)
        text = page(int(pages), "/metrics", "sidekick_sensor_alerts_total 1.0")
        assert "sidekick_sensor_up 1.0" in text
        assert "sidekick_log_bytes" not in text
        page(int(pages), "/healthz", "ok")
        page(int(pages), "/readyz", "ready")


def test_two_sensors_see_the_same(state: Path) -> None:
    rules, file = mark(state)
    other = state / "second"
    other.mkdir()
    with (
        running(*json_run(state, rules), state=state) as first,
        running(*json_run(other, rules), state=other) as second,
    ):
        first.hears(WATCHES)
        second.hears(WATCHES)
        act("cat", str(file))
        first.alert("marked")
        second.alert("marked")


def test_a_sensor_with_a_network_of_its_own_sees_that_of_the_machine(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        rules = state / "rules.yaml"
        rules.write_text(rule("called", f"evt.type = connect and fd.sport = {port}", "%fd.name"))
        alone = ("sensor", "--to", f"unix:{state}/away", "--rules", str(rules))
        with running(*alone, state=state, within=("unshare", "--net")) as sensor:
            sensor.hears(WATCHES)
            socket.create_connection(("127.0.0.1", port)).close()
    (kept,) = (state / "outbox").glob("*.ndjson")
    found = [json.loads(line)["output_fields"]["fd.name"] for line in kept.read_text().splitlines()]
    assert any(name.endswith(f"->127.0.0.1:{port}") for name in found)


def test_without_rights_one_sentence_and_the_hub_alone(state: Path) -> None:
    rules, _ = mark(state)
    sys_admin, perfmon, bpf = 21, 38, 39
    command = json_run(state, rules)
    with running(*command, state=state, without=(sys_admin, perfmon, bpf)) as sidekick:
        assert "CAP_BPF and CAP_PERFMON" in sidekick.hears("Error: ")
        sidekick.hears("no sensor on this machine; the hub runs without it")
        assert sidekick.process.poll() is None
        assert sidekick.stop() == 0


def test_after_attaching_hardly_any_right_is_left_to_any_thread(state: Path) -> None:
    rules, _ = mark(state)
    kept = 1 << 39 | 1 << 19 | 1 << 2  # CAP_BPF, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH
    with running("sensor", "--rules", str(rules), "--metrics", "0", state=state) as sensor:
        sensor.hears(WATCHES)
        threads = list(Path(f"/proc/{sensor.process.pid}/task").iterdir())
        statuses = [(thread / "status").read_text() for thread in threads]
    assert len(statuses) >= 4  # one watches, the others send, look at files, answer
    for status in statuses:
        facts = dict(line.split(":", 1) for line in status.splitlines())
        assert int(facts["CapPrm"], 16) & ~kept == 0
        assert int(facts["CapEff"], 16) & ~kept == 0
        assert facts["NoNewPrivs"].strip() == "1"
        assert facts["Seccomp"].strip() == "2"  # a filter


def test_a_hub_alone_can_gain_no_rights(state: Path) -> None:
    (state / "sidekick.yaml").write_text(
        "listen: {address: 127.0.0.1, port: 0}\nadmin: {enabled: false}\n"
        "sinks: {out: {type: stdout, format: falco}}\n"  # so that its banner is no alert
    )
    with running("hub", *config(state), state=state) as hub:
        hub.hears("Send Falco's alerts")
        status = Path(f"/proc/{hub.process.pid}/status").read_text()
    assert re.search(r"NoNewPrivs:\s1\n", status)
