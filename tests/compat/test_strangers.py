"""What is not taken over of falcosidekick's configuration is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compat.loading import WEBHOOK, loaded


@pytest.mark.parametrize(
    ("text", "environ", "sentences"),
    [
        (
            "teams: {webhookurl: 'https://t'}",
            {},
            ["teams.webhookurl: sidekick has no"],
        ),
        ("", {"TEAMS_WEBHOOKURL": "x"}, ["TEAMS_WEBHOOKURL: sidekick has no output teams yet"]),
        ("opsgenie: {region: eu}", {}, ["opsgenie.region: sidekick has no output opsgenie yet"]),
        ("opsgenie: {region: ''}", {}, []),
        ("slack: {icon: x, webhookurl: ''}", {}, []),
        (
            "loki: {hostport: 'http://l', mutualtls: true, checkcert: false}",
            {},
            ["loki.checkcert: it means nothing beside loki.mutualtls"],
        ),
        ("slac: {webhookurl: x}", {}, ['no such key; did you mean "slack.webhookurl"?']),
        ("kafka: {hostport: x}", {}, ["kafka: it is off, as kafka.topic is not set"]),
        (
            "",
            {"AWS_SQS_URL": "x", "AWS_REGION": "r"},
            ["AWS_SQS_URL: sidekick has no"],
        ),
        ("", {"SLACK_WEBHOOK_URL": "x"}, ["no such variable; did you mean SLACK_WEBHOOKURL?"]),
        ("", {"TEAMS_WEBHOOK_URL": "x"}, ["no such variable; did you mean TEAMS_WEBHOOKURL?"]),
        ("", {"SLACK_WEBHOOK_URL": "", "HOME": "/", "SYSLOG_PORT_514_TCP": "x"}, []),
        ("customtags: '%NOBODY,a'", {}, ["the environment variable NOBODY is not set; left out"]),
    ],
)
def test_what_is_not_taken_over_is_told(
    tmp_path: Path, text: str, environ: dict[str, str], sentences: list[str]
) -> None:
    warnings = loaded(tmp_path, f"{WEBHOOK}{text}\n", **environ).warnings
    assert len(warnings) == len(sentences)
    for warning, sentence in zip(warnings, sentences, strict=True):
        assert sentence in warning


def test_without_an_output_nothing_is_delivered_or_printed(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "listenport: 2801\n")
    assert settings.sinks == {}
    assert any("no output is on" in warning for warning in settings.warnings)


@pytest.mark.parametrize(
    ("text", "environ", "told"),
    [
        ("sinks: {a: {type: stdout}}", {"SLACK_WEBHOOKURL": "https://h/x"}, ["SLACK_WEBHOOKURL"]),
        ("sinks: {a: {type: slack, webhook_url: '${SLACK_WEBHOOKURL}'}}", {}, []),
        ("sinks: {a: {type: stdout}}", {"SLACK_WEBHOOKURL": "", "LISTENPORT": "1"}, []),
    ],
)
def test_variables_that_do_not_count_beside_a_file_of_ours_are_told(
    tmp_path: Path, text: str, environ: dict[str, str], told: list[str]
) -> None:
    given = environ or {"SLACK_WEBHOOKURL": "https://h/x"}
    warnings = loaded(tmp_path, text, **given).warnings
    assert len(warnings) == len(told)
    assert all(name in warning for name, warning in zip(told, warnings, strict=True))
