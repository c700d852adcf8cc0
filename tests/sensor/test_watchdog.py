from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sidekick.sensor.watchdog import Watchdog
from tests.ebpf.kernel import need_kernel

# The loop stops moving after it has told its first status; alerts are waiting for a hub then.
HANGS = """
import sys, time
from pathlib import Path
from sidekick import sensor_process
from sidekick.sensor.sensor import Sensor
from sidekick.sensor.sender import Sender
from tests.sensor.alerts import alerts

sensor_process.SILENT_SECS, sensor_process._LOOK_SECS = 0.5, 0.2
tick = Sensor._tick
def hang(self, *arguments):
    tick(self, *arguments)
    self._sender.put(alerts("waits"))
    time.sleep(60)
Sensor._tick = hang
options = sensor_process.SensorOptions(
    None, {"state_dir": sys.argv[1]}, [Path(sys.argv[2])], "unix:/nowhere"
)
sensor_process.SensorProcess(options, {}).run()
"""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_moves_is_well() -> None:
    clock = Clock()
    watchdog = Watchdog(20, clock)
    for _ in range(10):
        clock.now += 19
        assert not watchdog.problems()
        assert not watchdog.hangs()
        watchdog.moved()


def test_a_loop_that_does_not_move_is_told_and_given_up_at_the_second_look() -> None:
    clock = Clock()
    watchdog = Watchdog(20, clock)
    clock.now += 21
    assert watchdog.problems() == ["it has not moved for 21 s"]
    assert not watchdog.hangs()
    assert watchdog.hangs()


def test_a_loop_that_was_only_stopped_goes_on() -> None:
    clock = Clock()
    watchdog = Watchdog(20, clock)
    for _ in range(3):
        clock.now += 1000  # the machine slept
        assert not watchdog.hangs()
        watchdog.moved()
        assert not watchdog.hangs()


def test_a_sensor_that_hangs_ends_and_keeps_its_alerts(tmp_path: Path) -> None:
    need_kernel()
    rules = tmp_path / "rules.yaml"
    rules.write_text("- list: none\n  items: []\n")
    ended = subprocess.run(
        [sys.executable, "-c", HANGS, str(tmp_path), str(rules)],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert ended.returncode == 1, ended.stderr
    assert "the sensor does not move; it ends, to be started again" in ended.stderr
    (kept,) = (tmp_path / "outbox").glob("*.ndjson")
    assert '"rule":"waits"' in kept.read_text()
