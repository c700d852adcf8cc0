from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sidekick.heartbeat import Heartbeat
from sidekick.sensor.hub_client import HubAway
from sidekick.sensor.outbox import Outbox
from sidekick.sensor.sender import Sender
from tests.sensor.alerts import alerts


class Hub:
    """Takes lines unless it is away."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.beats: list[Heartbeat] = []
        self.away = threading.Event()
        self.refused = threading.Event()
        self.hangs, self.waits, self.answers = (threading.Event() for _ in range(3))

    def send(self, lines: bytes) -> None:
        self._answer()
        self.bodies.append(lines)

    def beat(self, beat: Heartbeat) -> None:
        self._answer()
        self.beats.append(beat)

    def _answer(self) -> None:
        if self.hangs.is_set():
            self.waits.set()
            assert self.answers.wait(20)
        if self.away.is_set():
            self.refused.set()
            raise HubAway("it is away")

    @property
    def rules(self) -> list[str]:
        return [json.loads(line)["rule"] for body in self.bodies for line in body.splitlines()]


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_alerts_reach_the_hub_in_order(tmp_path: Path) -> None:
    hub = Hub()
    sender = Sender(hub, Outbox(tmp_path, 1 << 20))
    sender.start()
    for number in range(100):
        sender.put(alerts(number))
    sender.stop(5)
    assert hub.rules == [str(number) for number in range(100)]
    assert (sender.sent, sender.dropped) == (100, 0)


def test_what_comes_together_is_sent_together(tmp_path: Path) -> None:
    hub = Hub()
    sender = Sender(hub, Outbox(tmp_path, 1 << 20))
    sender.put(alerts(*range(1200)))
    sender.start()
    sender.stop(5)
    assert [body.count(b"\n") for body in hub.bodies] == [500, 500, 200]


def test_while_the_hub_is_away_alerts_wait_on_disk_and_follow_in_order(tmp_path: Path) -> None:
    hub = Hub()
    hub.away.set()
    outbox = Outbox(tmp_path, 1 << 20)
    sender = Sender(hub, outbox)
    sender.start()
    sender.put(alerts(1))
    hub.refused.wait(5)
    sender.put(alerts(2, 3))
    eventually(lambda: outbox.size > 300)
    hub.away.clear()
    eventually(lambda: sender.sent == 3)
    sender.put(alerts(4))
    sender.stop(5)
    assert hub.rules == ["1", "2", "3", "4"]
    assert not outbox


def test_what_a_stopped_sender_could_not_send_the_next_one_does(tmp_path: Path) -> None:
    hub = Hub()
    hub.away.set()
    first = Sender(hub, Outbox(tmp_path, 1 << 20))
    first.start()
    first.put(alerts(1, 2))
    first.stop(5)
    hub.away.clear()
    second = Sender(hub, Outbox(tmp_path, 1 << 20))
    second.start()
    eventually(lambda: second.sent == 2)
    second.stop(5)
    assert hub.rules == ["1", "2"]


def test_what_waits_in_memory_is_bounded_and_the_rest_counted(tmp_path: Path) -> None:
    sender = Sender(Hub(), Outbox(tmp_path, 1 << 26))
    for _ in range(25):
        sender.put(alerts(*range(1000)))
    assert sender.dropped == 5000
    sender.tell(*alerts("events were lost"))
    sender.start()
    eventually(lambda: sender.sent == 20_001)
    sender.stop(5)
    assert sender.dropped == 5000


def test_the_bound_of_what_waits_in_memory_is_a_setting(tmp_path: Path) -> None:
    sender = Sender(Hub(), Outbox(tmp_path, 1 << 20), queue=150)
    sender.put(alerts(*range(100)))
    sender.put(alerts(*range(100)))
    assert sender.dropped == 50


def test_what_not_even_the_disk_takes_waits_in_memory_and_is_sent_when_the_hub_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub = Hub()
    hub.away.set()
    box = tmp_path / "box"
    sender = Sender(hub, Outbox(box, 1 << 20), queue=100)
    box.rmdir()
    sender.start()
    sender.put(alerts(1, 2))
    eventually(lambda: "the disk takes no alerts" in caplog.text)
    sender.put(alerts(3))
    hub.away.clear()
    eventually(lambda: sender.sent == 3)
    sender.stop(5)
    assert hub.rules == ["1", "2", "3"]
    assert sender.dropped == 0
    assert caplog.text.count("the disk takes no alerts") == 1


def test_what_nobody_takes_is_bounded_and_at_the_end_counted(tmp_path: Path) -> None:
    hub = Hub()
    hub.away.set()
    box = tmp_path / "box"
    sender = Sender(hub, Outbox(box, 1 << 20), queue=100)
    box.rmdir()
    sender.start()
    sender.put(alerts(*range(90)))
    eventually(lambda: hub.refused.is_set() and len(sender._waiting) == 90)
    sender.put(alerts(*range(30)))
    assert sender.dropped == 20
    sender.stop(5)
    assert sender.dropped == 120


def test_while_the_hub_does_not_answer_alerts_go_to_disk(tmp_path: Path) -> None:
    hub = Hub()
    hub.hangs.set()
    outbox = Outbox(tmp_path, 1 << 20)
    sender = Sender(hub, outbox, queue=1000)
    sender.start()
    for number in range(40):
        sender.put(alerts(*range(number * 100, number * 100 + 100)))
        eventually(lambda: len(sender._waiting) <= 500)
    assert sender.dropped == 0
    assert outbox.size > 300_000
    hub.answers.set()
    eventually(lambda: sender.sent == 4000)
    sender.stop(5)
    assert sorted(map(int, hub.rules)) == list(range(4000))


def test_what_a_hub_has_not_answered_at_the_end_is_written_down_too(tmp_path: Path) -> None:
    hub = Hub()
    hub.hangs.set()
    sender = Sender(hub, Outbox(tmp_path, 1 << 20))
    sender.start()
    sender.put(alerts(1))
    assert hub.waits.wait(5)
    sender.put(alerts(2))
    sender.stop(0.01)
    hub.answers.set()
    found = Outbox(tmp_path, 1 << 20).oldest()
    assert found is not None
    assert [json.loads(line)["rule"] for line in found[1].splitlines()] == ["1", "2"]


def test_one_body_is_bounded_whatever_alerts_are_like(tmp_path: Path) -> None:
    hub = Hub()
    sender = Sender(hub, Outbox(tmp_path, 1 << 20))
    large = "x" * 300_000
    sender.put(alerts(*(f"{number}{large}" for number in range(10))))
    sender.start()
    eventually(lambda: sender.sent == 10)
    sender.stop(5)
    assert [rule[0] for rule in hub.rules] == list("0123456789")
    assert max(map(len, hub.bodies)) < 1_700_000


def test_a_heartbeat_goes_to_the_hub_without_an_alert(tmp_path: Path) -> None:
    hub = Hub()
    sender = Sender(hub, Outbox(tmp_path, 1 << 20))
    sender.start()
    sender.beat(Heartbeat("n1"))
    eventually(lambda: hub.beats == [Heartbeat("n1")])
    sender.stop(5)
    assert not hub.bodies


def test_a_heartbeat_that_could_not_be_sent_is_not_sent_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub = Hub()
    hub.away.set()
    sender = Sender(hub, Outbox(tmp_path, 1 << 20))
    sender.start()
    for _ in range(3):
        hub.refused.clear()
        sender.beat(Heartbeat("early"))
        assert hub.refused.wait(5)
    hub.away.clear()
    sender.beat(Heartbeat("late"))
    eventually(lambda: bool(hub.beats))
    sender.stop(5)
    assert hub.beats == [Heartbeat("late")]
    said = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == ["the hub is away; alerts wait on disk"]  # once, not at each heartbeat


def test_what_the_sensor_tells_of_itself_is_not_among_what_is_lost(tmp_path: Path) -> None:
    hub = Hub()
    hub.away.set()
    sender = Sender(hub, Outbox(tmp_path, 1 << 20))
    sender.start()
    sender.tell(*alerts("own"))
    for _ in range(3):
        sender.put(alerts(*(f"{number}{'x' * 300_000}" for number in range(5))))
        eventually(lambda: not sender._waiting)
    eventually(lambda: sender.dropped > 0)
    hub.away.clear()
    eventually(lambda: sender.sent == 16 - sender.dropped)
    sender.stop(5)
    assert hub.rules.count("own") == 1


def test_what_the_sensor_tells_of_itself_is_written_down_at_the_end(tmp_path: Path) -> None:
    hub = Hub()
    hub.away.set()
    sender = Sender(hub, Outbox(tmp_path, 1 << 20))
    sender.start()
    sender.tell(*alerts("own"))
    assert hub.refused.wait(5)
    sender.stop(5)
    found = Outbox(tmp_path, 1 << 20).oldest()
    assert found is not None
    assert json.loads(found[1])["rule"] == "own"
