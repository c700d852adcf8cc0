"""A line of one's own above a message in Slack."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from sidekick.sinks._falcosidekick.message_format import MessageFormat
from sidekick.sinks._falcosidekick.payload import payload
from sidekick.sinks.slack import Config, open_sink
from tests.sinks.falcosidekick.alerts import UUID, sent
from tests.sinks.http_stand import http_stand


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Alert: {{ .Rule }} ({{ .Priority }})", "Alert: Terminal shell in container (Notice)"),
        ('{{ index .OutputFields "k8s.ns.name" }}', "shop"),
        ('{{ index .OutputFields "evt.time" }}', "1767349230500000000"),
        ('{{ if eq .Rule "Terminal shell in container" }}x{{ end }}', "x"),
        ("{{ .Time }}", "2026-01-02 10:20:30.5 +0000 UTC"),
        ("{{ .UUID }} {{ .Source }} {{ .Hostname }}", f"{UUID} syscall node-1"),
        ("{{ range .Tags }}#{{ . }} {{ end }}", "#container #shell "),
        ('{{ or (index .OutputFields "none") "-" }}', "-"),
    ],
)
def test_a_template_is_filled_with_the_alert(text: str, line: str) -> None:
    assert MessageFormat(text).line(payload(sent())) == line


def test_what_the_alert_says_makes_no_mention_but_the_template_may() -> None:
    alert = payload(sent(rule="<!channel>", output_fields={"a": ["<b>"]}))
    line = MessageFormat("<!here> {{ .Rule }} {{ .OutputFields.a }}").line(alert)
    assert line == "<!here> &lt;!channel&gt; [&lt;b&gt;]"


def test_a_template_that_fails_is_told_once_and_the_alert_goes_without_its_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wanted = MessageFormat("before {{ index .Tags 99 }}")
    assert [wanted.line(payload(sent())) for _ in range(2)] == ["", ""]
    assert [record.message for record in caplog.records] == ["message_format failed for an alert"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"compat": "falcosidekick", "username": "u"}, "Notice!"),
        ({}, "Notice!"),
        ({"message_format": "{{ index .Tags 99 }}", "compat": "falcosidekick"}, None),
    ],
)
async def test_the_line_stands_above_the_message(keys: dict[str, Any], text: str | None) -> None:
    async with http_stand(lambda got: web.Response()) as stand:
        config = {"webhook_url": f"{stand.url}/x", "message_format": "{{ .Priority }}!", **keys}
        async with open_sink(Config.model_validate(config)) as sink:
            await sink.send([sent()])
    said = json.loads(stand.got[0].body)
    assert said.get("text") == text
    if text and "compat" in keys:
        assert list(said) == ["text", "username", "attachments"]


@pytest.mark.parametrize("text", ["{{ .Rule", "{{ .NoSuch }}", "{{ nosuch }}"])
def test_what_is_no_template_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ValidationError, match=r"\d+:\d+: "):
        Config.model_validate({"webhook_url": "http://h/x", "message_format": text})
