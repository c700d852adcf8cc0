"""Each alert fires when it should, and not otherwise: played through by promtool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from sidekick import metrics
from tests.observability.rules import Case, play, rules

pytestmark = pytest.mark.servers

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
HUB = 'job="sidekick",instance="a"'
UP = {f"up{{{HUB}}}": "1x1500", f"process_start_time_seconds{{{HUB}}}": "0x1500"}


def alerts(priority: str, rule: str = "Shell", hub: str = HUB) -> str:
    return f'sidekick_alerts_total{{source="syscall",priority="{priority}",rule="{rule}",{hub}}}'


def seen(kind: str, node: str = "n1") -> str:
    return f'sidekick_node_last_seen_timestamp_seconds{{node="{node}",kind="{kind}",{HUB}}}'


def case(alert: str, what: str, series: Mapping[str, str], at: str, firing: str | None) -> Case:
    return Case(alert, what, UP | dict(series), at, firing)


RATES = {
    "FalcoWarningEventsRateHigh": "Warning",
    "FalcoErrorEventsRateHigh": "Error",
    "FalcoCriticalEventsRateHigh": "Critical",
    "FalcoAlertEventsRateHigh": "Alert",
    "FalcoEmergencyEventsRateHigh": "Emergency",
}
OTHER_HUB = 'job="sidekick",instance="b"'
SHELL = 'rule="Shell"'
DROP = "Falco internal: syscall event drop"
LANE = f'lane="slack",{HUB}'
OLDEST, BREAKER = f"sidekick_lane_oldest_seconds{{{LANE}}}", f"sidekick_lane_breaker_open{{{LANE}}}"
DEAD, RETRIED = f"sidekick_dead_letters_total{{{LANE}}}", f"sidekick_retried_total{{{LANE}}}"
LOST = f'sidekick_alerts_lost_total{{reason="shed from the log",{HUB}}}'
INTERVAL = f'sidekick_node_heartbeat_interval_seconds{{node="n1",{HUB}}}'
DROPS = f'sidekick_sensor_drops_total{{reason="calls_full",{HUB}}}'
OUTBOX = f"sidekick_sensor_outbox_bytes{{{HUB}}}"
SENSOR, STARTS = f"sidekick_sensor_up{{{HUB}}}", f"sidekick_sensor_starts_total{{{HUB}}}"
FULL, FAULTS = f"sidekick_log_full{{{HUB}}}", f'sidekick_faults_total{{place="sink",{HUB}}}'
RECEIVED = f'sidekick_alerts_received_total{{source="http",status="%s",{HUB}}}'
REJECTED = RECEIVED % "rejected"
REFUSED = f'sidekick_requests_refused_total{{reason="%s",{HUB}}}'
BUCKET = f'sidekick_commit_seconds_bucket{{le="%s",{HUB}}}'

CASES = [
    case(
        "FalcoCriticalAlert",
        "the first alert of a rule, whose series begins with 1",
        {alerts("Critical"): "_x10 1x10"},
        "13m",
        'rule="Shell",priority="Critical"',
    ),
    case(
        "FalcoCriticalAlert",
        "one more, of a priority above critical",
        {alerts("Emergency"): "7x10 8x10"},
        "12m",
        'rule="Shell",priority="Emergency"',
    ),
    case(
        "FalcoCriticalAlert",
        "the first alert of a hub that has just started",
        {
            alerts("Alert", hub=OTHER_HUB): "_x11 1x10",
            f"up{{{OTHER_HUB}}}": "_x10 1x10",
            f"process_start_time_seconds{{{OTHER_HUB}}}": "_x10 600x10",
        },
        "13m",
        'priority="Alert"',
    ),
    case("FalcoCriticalAlert", "long ago", {alerts("Critical"): "_x10 1x30"}, "20m", None),
    case("FalcoCriticalAlert", "an error", {alerts("Error"): "0x10 9x10"}, "12m", None),
    Case(
        "FalcoCriticalAlert",
        "only Prometheus was away for a time",
        {
            alerts("Critical"): "7x10 _x20 7x10",
            f"up{{{HUB}}}": "1x10 _x20 1x10",
            f"process_start_time_seconds{{{HUB}}}": "0x10 _x20 0x10",
        },
        "33m",
        None,
    ),
    case(
        "FalcoWarningAlert", "ten a minute", {alerts("Warning"): "0+10x30"}, "15m", 'rule="Shell"'
    ),
    case("FalcoWarningAlert", "one a minute", {alerts("Warning"): "0+1x30"}, "15m", None),
    case("FalcoWarningAlert", "a burst", {alerts("Warning"): "0x5 90x30"}, "8m", None),
    case(
        "FalcoEngineDown",
        "all nodes silent for 3 hours",
        {seen("heartbeat"): "0+60x20 1200x400", seen("heartbeat", "n2"): "0+60x9 540x400"},
        "3h20m",
        'severity="critical"',
    ),
    case(
        "FalcoEngineDown",
        "one of two silent",
        {seen("heartbeat"): "0+60x400", seen("heartbeat", "n2"): "0+60x9 540x400"},
        "3h20m",
        None,
    ),
    case(
        "FalcoHighDropRate", "told once", {alerts("Debug", DROP): "_x5 1x5"}, "7m", f'rule="{DROP}"'
    ),
    case("FalcoHighDropRate", "other alerts", {alerts("Debug"): "_x5 1x5"}, "7m", None),
    case(
        "SidekickNodeSilent",
        "no heartbeat for 3 hours, over a restart of the hub",
        {
            seen("heartbeat"): "0+60x20 1200x10 _x400",
            seen("heartbeat", "n2"): "0+60x400",
        },
        "3h20m",
        'node="n1"',
    ),
    case(
        "SidekickNodeSilent",
        "no heartbeat, but an alert an hour ago",
        {seen("heartbeat"): "0+60x20 1200x400", seen("alert"): "_x140 8400x400"},
        "3h20m",
        None,
    ),
    case(
        "SidekickNodeSilent",
        "a quiet node that never sent heartbeats",
        {seen("alert"): "60x400"},
        "3h20m",
        None,
    ),
    case(
        "SidekickNodeSilent",
        "a sensor silent for 6 minutes",
        {
            seen("heartbeat"): "0+60x20 1200x10",
            INTERVAL: "30x30",
            seen("heartbeat", "n2"): "0+60x30",
        },
        "26m",
        'node="n1"',
    ),
    case(
        "SidekickNodeSilent",
        "a sensor silent for 4 minutes, another sender for 20",
        {
            seen("heartbeat"): "0+60x22 1320x10",
            INTERVAL: "30x30",
            seen("heartbeat", "n2"): "0+60x6 360x30",
        },
        "26m",
        None,
    ),
    case(
        "SidekickNodeSilent",
        "gone for more than a day",
        {seen("heartbeat"): "60x1500"},
        "25h",
        None,
    ),
    case("SidekickSensorDrops", "the first", {DROPS: "_x5 3x9"}, "7m", 'reason="calls_full"'),
    case("SidekickSensorDrops", "long ago", {DROPS: "3x99"}, "80m", None),
    case("SidekickSensorDown", "ended", {SENSOR: "1x5 0x9", STARTS: "1x20"}, "9m", 'instance="a"'),
    case("SidekickSensorDown", "a hub without one", {SENSOR: "0x20", STARTS: "0x20"}, "9m", None),
    case("SidekickSensorWaits", "the hub is away", {OUTBOX: "0x5 9000x20"}, "17m", 'instance="a"'),
    case("SidekickSensorWaits", "a while", {OUTBOX: "0x5 9000x5 0x20"}, "17m", None),
    case("SidekickNothingReceived", "from the start", {RECEIVED % "accepted": "0x99"}, "70m", ""),
    case(
        "SidekickNothingReceived",
        "one in twenty hours",
        {RECEIVED % "accepted": "0x9 1x1300", RECEIVED % "rejected": "0x1300"},
        "20h",
        None,
    ),
    Case("SidekickAbsent", "one is down", {f"up{{{HUB}}}": "1x5 0x10"}, "10m", ""),
    Case("SidekickAbsent", "nothing is scraped", {}, "10m", ""),
    case("SidekickAbsent", "one of two is down", {f"up{{{OTHER_HUB}}}": "0x20"}, "10m", None),
    case("SidekickDown", "one is down", {f"up{{{OTHER_HUB}}}": "0x20"}, "10m", 'instance="b"'),
    case("SidekickDown", "a restart", {f"up{{{OTHER_HUB}}}": "1x5 0x2 1x9"}, "8m", None),
    case("SidekickLogFull", "full", {FULL: "0x5 1x5"}, "6m", 'instance="a"'),
    case("SidekickLogFull", "not full", {FULL: "0x9"}, "6m", None),
    case("SidekickAlertsLost", "the first", {LOST: "_x5 3x9"}, "7m", 'reason="shed from the log"'),
    case("SidekickAlertsLost", "more of them", {LOST: "3x9 4x9"}, "11m", 'instance="a"'),
    case("SidekickAlertsLost", "long ago", {LOST: "_x5 3x30"}, "25m", None),
    case("SidekickLaneBehind", "6 minutes", {OLDEST: "360x20"}, "6m", 'lane="slack"'),
    case("SidekickLaneBehind", "a moment", {OLDEST: "0x3 360x2 0x9"}, "6m", None),
    case("SidekickLaneStuck", "an hour", {OLDEST: "3660x20"}, "6m", 'lane="slack"'),
    case("SidekickLaneStuck", "6 minutes", {OLDEST: "360x20"}, "6m", None),
    case("SidekickLaneBreakerOpen", "stays open", {BREAKER: "1x20"}, "6m", 'lane="slack"'),
    case("SidekickLaneBreakerOpen", "a moment", {BREAKER: "0x2 1x2 0x9"}, "6m", None),
    case("SidekickDeadLetters", "one", {DEAD: "0x5 1x9"}, "8m", 'lane="slack"'),
    case("SidekickDeadLetters", "none new", {DEAD: "4x99"}, "80m", None),
    case(
        "SidekickAlertsRejected", "one", {RECEIVED % "rejected": "0x5 1x9"}, "8m", 'source="http"'
    ),
    case("SidekickAlertsRejected", "none", {RECEIVED % "accepted": "0+5x20"}, "8m", None),
    case("SidekickSendersRefused", "often", {REFUSED % "token": "0+9x20"}, "12m", 'reason="token"'),
    case("SidekickSendersRefused", "once", {REFUSED % "token": "0x5 1x20"}, "12m", None),
    case("SidekickSendersRefused", "a slow client", {REFUSED % "timeout": "0+9x20"}, "12m", None),
    case("SidekickFaults", "the first", {FAULTS: "_x5 1x9"}, "8m", 'place="sink"'),
    case("SidekickFaults", "long ago", {FAULTS: "1x99"}, "80m", None),
    Case(
        "SidekickAlertsLost",
        "only Prometheus was away for a time",
        {
            LOST: "7x10 _x20 7x10",
            f"up{{{HUB}}}": "1x10 _x20 1x10",
            f"process_start_time_seconds{{{HUB}}}": "0x10 _x20 0x10",
        },
        "33m",
        None,
    ),
    case(
        "SidekickCommitsSlow",
        "half a second",
        {BUCKET % "0.25": "0x30", BUCKET % "1": "0+9x30", BUCKET % "+Inf": "0+9x30"},
        "20m",
        'instance="a"',
    ),
    case(
        "SidekickCommitsSlow",
        "a few milliseconds",
        {BUCKET % "0.005": "0+9x30", BUCKET % "+Inf": "0+9x30"},
        "20m",
        None,
    ),
    Case("FalcosidekickAbsent", "no target", {}, "12m", ""),
    case("FalcosidekickAbsent", "a target", {}, "12m", None),
    *(
        case(name, "keeps coming", {alerts(priority): "0+1x30"}, "20m", SHELL)
        for name, priority in RATES.items()
    ),
    *(case(name, "another priority", {alerts("Notice"): "0+1x30"}, "20m", None) for name in RATES),
    case(
        "FalcoErrorOutputEventsRateHigh",
        "retries",
        {RETRIED: "0+1x30", DEAD: "0x30"},
        "9m",
        'lane="slack"',
    ),
    case("FalcoErrorOutputEventsRateHigh", "none", {RETRIED: "3x30", DEAD: "0x30"}, "9m", None),
]


@pytest.mark.ahead(does=partial(play, CASES))
def test_every_case_is_as_expected(ahead: str) -> None:
    assert ahead == ""


def test_a_wrong_expectation_is_told(tmp_path: Path) -> None:
    wrong = [CASES[0]._replace(firing=None), CASES[0]._replace(firing='rule="Other"')]
    for one in wrong:
        assert "FAILED" in play([one], tmp_path)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    names = {rule["alert"] for rule in rules()}
    assert {one.alert for one in CASES if one.firing is not None} == names
    assert {one.alert for one in CASES if one.firing is None} == names


def test_every_alert_says_how_bad_it_is_what_it_is_and_what_to_do() -> None:
    headings = re.findall(r"^#+ (.*)$", OPERATIONS.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in anchors, rule["alert"]


def test_the_rules_use_metrics_that_there_are() -> None:
    told = generate_latest(metrics.REGISTRY).decode()
    there = set(re.findall(r"^# TYPE (\w+) ", told, re.MULTILINE)) | {"up"}
    there |= {rule["record"] for rule in rules("record")}
    for rule in rules() + rules("record"):
        expression = re.sub(r'"[^"]*"', "", rule["expr"])
        used = set(re.findall(r"\b(?:up|(?:\w+:)?(?:sidekick|process)_\w+(?::\w+)?)\b", expression))
        used = {re.sub("_bucket$", "", name) for name in used}
        assert used, rule
        assert used <= there, used - there
