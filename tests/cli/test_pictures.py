"""What top shows and what doctor finds, from answers of a hub that is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import pytest
from rich.console import Console

from sidekick.cli import doctor
from sidekick.cli._api import Api, ApiError, Unreachable
from sidekick.cli.top import picture
from sidekick.hub.view import LaneStatus, LogStats, Quarantined
from sidekick.settings import load
from sidekick.web.replies import Lanes, QuarantinedBodies, Rates, RuleRate, Version

T = TypeVar("T")
NOW = 1_767_690_000 * 10**9


def lane(**changes: Any) -> LaneStatus:
    given: dict[str, Any] = {
        "name": "chat",
        "type": "slack",
        "state": "running",
        "depth": 0,
        "oldest_age_secs": 0.0,
        "in_flight": 0,
        "delivered": 10,
        "retried": 0,
        "dead": 0,
    }
    return LaneStatus(**given | changes)


def stats(**changes: Any) -> LogStats:
    given: dict[str, Any] = {
        "alerts": 12,
        "bytes": 2**20,
        "limit_bytes": 2**30,
        "oldest_ns": NOW,
        "first_seq": 1,
        "last_seq": 12,
        "full": False,
        "disk_free_bytes": 2**34,
    }
    return LogStats(**given | changes)


def rates(**changes: Any) -> Rates:
    given: dict[str, Any] = {
        "seconds": 60.0,
        "received": {"accepted": 5.0, "rejected": 0.0, "shed": 0.0},
        "assessed": {"first": 1.0, "repeat": 4.0},
        "delivered": {"chat": 1.5},
        "retried": {},
        "dead": {},
        "silenced": 0,
        "lost": {},
        "rules": [
            RuleRate(rule="Shell", source="syscall", priority="Warning", count=9, per_second=0.15)
        ],
    }
    return Rates(**given | changes)


def drawn(width: int = 120, **parts: Any) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"), force_terminal=False)  # noqa: SIM115
    with console.file:
        console.print(
            picture(
                Api("http://hub"),
                parts.get("rates", rates()),
                Lanes(lanes=parts.get("lanes", [lane()])),
                parts.get("log", stats()),
            )
        )
    return console.export_text()


def test_a_picture_has_rates_lanes_and_rules() -> None:
    shown = drawn()
    assert "in 5.0/s" in shown
    assert "repeat 4.0/s" in shown
    assert "log 12 alerts, 1.0 MiB of 1.0 GiB" in shown
    (row,) = [line.split() for line in shown.splitlines() if line.startswith("chat")]
    assert row == ["chat", "slack", "running", "0", "-", "1.5", "0"]
    (row,) = [line.split() for line in shown.splitlines() if "Shell" in line]
    assert row == ["9", "0.15", "Warning", "syscall", "Shell"]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"rates": rates(received={"accepted": 1.0, "shed": 2.0})}, "shed 2.0/s"),
        ({"rates": rates(received={"accepted": 1.0, "rejected": 3.0})}, "rejected 3.0/s"),
        ({"rates": rates(lost={"shed from the log": 7})}, "lost 7: shed from the log"),
        ({"log": stats(full=True)}, "FULL"),
        ({"lanes": [lane(state="paused", depth=3, oldest_age_secs=90)]}, "90s"),
        ({"lanes": [lane(last_error="[red]no[/red] answer")]}, "[red]no[/red] answer"),
    ],
)
def test_what_is_wrong_stands_out(parts: dict[str, Any], words: str) -> None:
    assert words in drawn(**parts)


def test_where_it_is_narrow_the_last_column_gives_way() -> None:
    shown = drawn(width=70, lanes=[lane(last_error="x" * 200)])
    assert all(len(line) <= 70 for line in shown.splitlines())
    assert "chat  slack  running" in shown


class FakeApi(Api):
    """A hub that answers as it is told."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("http://hub")
        self.answers: dict[str, Any] = {
            "/version": Version(version="1", started_ns=NOW - 10**12, now_ns=NOW),
            "/log": stats(),
            "/lanes": Lanes(lanes=[lane()]),
            "/quarantine": QuarantinedBodies(quarantined=[]),
        } | {f"/{name}": answer for name, answer in answers.items()}

    def get(self, path: str, kind: type[T], **parameters: Any) -> T:
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, kind)
        return answer


def found(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> dict[str, doctor.Finding]:
    monkeypatch.setattr("sidekick.cli.doctor.time.time_ns", lambda: NOW)
    return {one.subject: one for one in doctor._hub(FakeApi(**answers))}


def test_a_hub_that_is_well_has_nothing_to_advise(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = found(monkeypatch)
    assert {one.state for one in findings.values()} == {"ok"}
    assert not any(one.advice for one in findings.values())


@pytest.mark.parametrize(
    ("answers", "subject", "state", "advice"),
    [
        ({"version": Unreachable("nobody")}, "hub", "fail", "look at its log"),
        ({"version": ApiError(401, "a token is wanted")}, "hub", "fail", "token"),
        ({"log": stats(full=True)}, "log", "fail", "free some disk"),
        ({"log": stats(failing="disk I/O error")}, "log", "fail", "nothing is answered 200"),
        ({"log": stats(disk_free_bytes=2**20)}, "log", "fail", "free some"),
        ({"log": ApiError(503, "the log cannot be read")}, "log", "fail", "moved away"),
        ({"log": stats(unreserved=True)}, "log", "warn", "however severe"),
        ({"lanes": Lanes(lanes=[lane(state="paused", depth=1)])}, "lane chat", "fail", "--probe"),
        (
            {"lanes": Lanes(lanes=[lane(depth=9, oldest_age_secs=301.0)])},
            "lane chat",
            "warn",
            "concurrency",
        ),
        ({"lanes": Lanes(lanes=[lane(dead=2)])}, "lane chat", "warn", "dead list --lane chat"),
        (
            {
                "quarantine": QuarantinedBodies(
                    quarantined=[
                        Quarantined(number=1, received_ns=NOW, source="http", reason="r", body="{")
                    ]
                )
            },
            "quarantine",
            "warn",
            "sidekick quarantine",
        ),
        (
            {"version": Version(version="1", started_ns=NOW, now_ns=NOW + 60 * 10**9)},
            "clock",
            "warn",
            "synchronise",
        ),
    ],
)
def test_what_is_wrong_comes_with_advice(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], subject: str, state: str, advice: str
) -> None:
    one = found(monkeypatch, **answers)[subject]
    assert one.state == state
    assert advice in one.advice


def test_a_folder_nobody_can_write_to_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load(None, {}, {"state_dir": str(tmp_path / "new")})
    assert doctor._folder(settings).state == "ok"
    monkeypatch.setattr("sidekick.cli.doctor.os.access", lambda path, mode: False)
    assert doctor._folder(settings).state == "fail"


def test_a_disk_without_room_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load(None, {}, {"state_dir": str(tmp_path)})

    class Usage:
        free = 0

    monkeypatch.setattr("sidekick.cli.doctor.shutil.disk_usage", lambda path: Usage)
    for free, state in ((10 * 1024**2, "fail"), (512 * 1024**2, "warn"), (2**40, "ok")):
        Usage.free = free
        assert doctor._room(settings).state == state


def test_few_open_files_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidekick.cli.doctor.resource.getrlimit", lambda which: (256, 256))
    assert doctor._files().state == "warn"
