"""Falco's settings of a sensor, on this machine's kernel: what each of them does."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from tests.ebpf.kernel import need_kernel
from tests.sensor.kernel import SECS, act, rule, running

SETTINGS = """\
listen: {{address: 127.0.0.1, port: 0}}
admin: {{enabled: false}}
dedup: {{enabled: false}}
rules:
  files: [{rules}]
  matching: all
  priority: notice
  select: [{{disable: {{rule: switched*}}}}]
  append_output: [{{extra_output: "by=%proc.name", extra_fields: [evt.hostname]}}]
  static_fields: {{site: here}}
sensor:
  node: n7
  buffer: 1MiB
  snaplen: 7
  ignore_calls: [mkdir, mkdirat, chdir]
  drops: {{actions: [alert], priority: debug, simulate: true, rate: 1}}
sinks:
  out: {{type: stdout, format: falco, falco_properties: [message, output_fields]}}
"""
MAKES = """
import os, socket, sys
here, port = sys.argv[1:]
os.mkdir(here + "/made"); os.chdir(here + "/made"); os.rmdir(here + "/made")
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"0123456789", ("127.0.0.1", int(port)))
open(here + "/marked")
"""


@pytest.fixture(autouse=True)
def _kernel() -> None:
    need_kernel()


def rules(here: Path) -> str:
    marked = f"evt.type in (open, openat) and fd.name = {here}/marked"
    each = [
        rule("first", marked),
        rule("second", marked, "cwd=%proc.cwd"),
        rule("switched off", marked),
        rule("made", f"evt.type in (mkdir, mkdirat) and evt.arg.path startswith {here}"),
        rule("moved", f"evt.type = chdir and evt.arg.path startswith {here}"),
        rule("gone", f"evt.type = rmdir and evt.arg.path startswith {here}"),
        rule("said", "evt.type = sendto and evt.buffer contains 0123", "%evt.buffer"),
    ]
    return "".join(each) + rule("quiet", marked).replace("NOTICE", "INFO")


def ring_sizes(parent: int) -> set[int]:
    """Those of the ring buffers of a process' child."""
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    infos = [path.read_text() for path in Path(f"/proc/{child}/fdinfo").iterdir()]
    rings = [info for info in infos if re.search(r"^map_type:\s*27$", info, re.M)]
    return {int(re.findall(r"^max_entries:\s*(\d+)$", info, re.M)[0]) for info in rings}


def test_what_a_falco_has_set_works_here(tmp_path: Path) -> None:
    (tmp_path / "marked").touch()
    (tmp_path / "rules.yaml").write_text(rules(tmp_path))
    (tmp_path / "sidekick.yaml").write_text(SETTINGS.format(rules=tmp_path / "rules.yaml"))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        running("run", "-c", str(tmp_path / "sidekick.yaml"), state=tmp_path) as sidekick,
    ):
        receiver.bind(("127.0.0.1", 0))
        assert "calls=mkdir,mkdirat,chdir" in sidekick.hears("rules cannot match")
        sidekick.hears("the sensor watches")
        assert ring_sizes(sidekick.process.pid) == {1 << 20, 4 << 20}  # calls, processes
        act("python3", "-c", MAKES, str(tmp_path), str(receiver.getsockname()[1]))
        found = {name: sidekick.alert(name) for name in ("gone", "said", "first", "second")}
        lost = sidekick.alert("Falco internal: syscall event drop")
        rest = {alert["rule"] for alert in sidekick.alerts()} - {*found, lost["rule"]}

    assert not rest  # neither what is ignored, nor what is switched off, nor what is less severe
    assert found["said"]["output_fields"]["evt.buffer"] == "0123456"
    # The state that a call keeps is kept, though its own events are ignored.
    assert found["second"]["output_fields"]["proc.cwd"] == f"{tmp_path}/made/"
    first = found["first"]
    assert first["message"].endswith(" by=python3")
    assert first["hostname"] == first["output_fields"]["evt.hostname"] == "n7"
    assert "output" not in first
    assert "tags" not in first
    assert lost["priority"] == "Debug"
    assert int(lost["output_fields"]["n_drops_simulated"]) >= 1
    assert os.listdir(tmp_path / "outbox") == []


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("log", "events were lost lost=1"),
        ("exit", "1 events were lost, and sensor.drops.actions says exit"),
    ],
)
def test_what_happens_after_a_loss_is_what_was_asked_for(
    tmp_path: Path, action: str, told: str
) -> None:
    (tmp_path / "rules.yaml").write_text(rule("none", "evt.type = rmdir and proc.name = none"))
    drops = f"drops: {{actions: [{action}], simulate: true}}"
    (tmp_path / "sidekick.yaml").write_text(f"sensor: {{{drops}}}\n")
    command = ("sensor", "--to", f"unix:{tmp_path}/away", "-c", str(tmp_path / "sidekick.yaml"))
    with running(*command, "--rules", str(tmp_path / "rules.yaml"), state=tmp_path) as sensor:
        sensor.hears(told)
        if action == "exit":
            assert sensor.process.wait(SECS) == 1
        else:
            assert sensor.stop() == 0
    assert not list((tmp_path / "outbox").iterdir())  # and no alert is made
