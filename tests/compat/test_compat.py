"""A falcosidekick configuration, taken as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sidekick.compat import recognise
from sidekick.errors import ConfigError
from sidekick.settings import Settings, load

WEBHOOK = "webhook:\n  address: http://127.0.0.1:9/\n"


def loaded(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return load(file, environ)


def sink(tmp_path: Path, text: str, name: str, **environ: str) -> dict[str, Any]:
    """The settings of one sink that are not its type's defaults, secrets readable."""
    found = loaded(tmp_path, text, **environ).sinks[name]
    return {
        key: value.get_secret_value() if hasattr(value, "get_secret_value") else value
        for key, value in found.model_dump(exclude_unset=True).items()
    }


@pytest.mark.parametrize(
    ("keys", "is_theirs"),
    [
        (["listenaddress", "listenport"], True),
        (["Slack", "customfields"], True),
        (["teams"], True),
        (["sinks"], False),
        (["listenport", "sinks"], False),
        (["listen"], False),
        ([], False),
    ],
)
def test_a_file_is_theirs_when_all_its_keys_are(keys: list[str], is_theirs: bool) -> None:
    assert recognise(dict.fromkeys(keys)) == is_theirs


def test_every_alert_is_delivered_to_every_output(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WEBHOOK + "loki: {hostport: 'http://127.0.0.1:8'}\n")
    assert not settings.dedup.enabled
    assert settings.route.lanes == ("webhook", "loki")
    assert settings.warnings == ()


def test_it_listens_where_falcosidekick_would(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "ListenAddress: 127.0.0.1\nlistenPORT: 1234\ndebug: true\n")
    assert (settings.listen.address, settings.listen.port) == ("127.0.0.1", 1234)
    assert settings.logging.level == "debug"
    assert loaded(tmp_path, "listenaddress: ''\nlistenport: ''\n").listen.port == 2801


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        (
            WEBHOOK + "  method: put\n  customheaders: {X-Key: a}\n  checkcert: false\n",
            "webhook",
            {"url": "http://127.0.0.1:9/", "method": "PUT", "tls": {"verify": False}},
        ),
        (
            "slack: {webhookurl: 'https://h/x', channel: '#a', outputformat: text, icon: ':x:'}",
            "slack",
            {"pace": 0.0, "channel": "#a", "content": "text", "icon": ":x:"},
        ),
        (
            "elasticsearch: {hostport: 'http://e:9200', suffix: annually, username: u, password: p,"
            " batching: {enabled: true, batchsize: 1048576, flushinterval: 2s},"
            " createindextemplate: true, numberofreplicas: 1, type: _doc}",
            "elasticsearch",
            {
                "urls": ["http://e:9200"],
                "index": "falco",
                "rotate": "yearly",
                "user": "u",
                "setup": True,
                "shards": 3,
                "replicas": 1,
            },
        ),
        (
            "loki: {hostport: 'http://l:3100/', tenant: t, extralabels: 'proc.name, fd.name'}",
            "loki",
            {"url": "http://l:3100", "line": "text"},
        ),
        (
            "alertmanager: {hostport: 'http://a:9093,http://b:9093', expiresafter: 90,"
            " extralabels: {cluster: x}, endpoint: /api/v1/alerts}",
            "alertmanager",
            {
                "urls": ["http://a:9093", "http://b:9093"],
                "resolve_after": 90.0,
                "labels": {"cluster": "x"},
            },
        ),
        (
            "syslog: {host: h, port: 514, protocol: udp, format: cef}",
            "syslog",
            {"host": "h", "port": 514, "protocol": "udp"},
        ),
    ],
)
def test_an_output_becomes_a_sink(
    tmp_path: Path, text: str, name: str, wanted: dict[str, Any]
) -> None:
    assert wanted.items() <= sink(tmp_path, text, name).items()


@pytest.mark.parametrize(
    ("limit", "concurrency"), [("", 64), ("1", 1), ("64", 64), ("0", 256), ("x", 64)]
)
def test_as_many_requests_are_in_flight_as_it_says(
    tmp_path: Path, limit: str, concurrency: int
) -> None:
    more = f"  maxconcurrentrequests: {limit}\n" if limit else ""
    assert loaded(tmp_path, WEBHOOK + more).sinks["webhook"].lane.concurrency == concurrency


def test_batches_are_as_large_and_old_as_it_says(tmp_path: Path) -> None:
    text = "elasticsearch: {hostport: 'http://e', batching: {enabled: true, batchsize: 9000,"
    lane = loaded(tmp_path, text + " flushinterval: 3s}}").sinks["elasticsearch"].lane
    assert (lane.batch_bytes, lane.batch_age) == (9000, 3.0)


def test_the_environment_goes_over_the_file_and_empty_is_unset(tmp_path: Path) -> None:
    environ = {"WEBHOOK_ADDRESS": "http://env/", "LISTENPORT": "", "CUSTOMFIELDS": "a:b,c:{d}"}
    settings = loaded(tmp_path, WEBHOOK + "listenport: 1234\n", **environ)
    assert settings.listen.port == 1234
    assert settings.sinks["webhook"].url.get_secret_value() == "http://env/"  # type: ignore[attr-defined]
    assert settings.enrich.fields == {"a": "b", "c": "{{d}}"}


def test_a_threshold_is_a_route_and_the_test_alert_passes_it(tmp_path: Path) -> None:
    text = WEBHOOK + "  minimumpriority: critical\nloki: {hostport: 'http://l'}\n"
    route = loaded(tmp_path, text).route
    assert [(r.name, r.lanes, r.continue_) for r in route.routes] == [
        ("webhook", ("webhook",), True),
        ("others", ("loki",), False),
    ]
    assert route.routes[0].match == 'alert.priority >= critical or alert.rule = "Test rule"'


@pytest.mark.parametrize("priority", ["", "info", "loud"])
def test_a_threshold_that_falcosidekick_does_not_know_lets_everything_pass(
    tmp_path: Path, priority: str
) -> None:
    settings = loaded(tmp_path, WEBHOOK + f"  minimumpriority: '{priority}'\n")
    assert settings.route.lanes == ("webhook",)


def test_client_certificates_come_from_their_folder(tmp_path: Path) -> None:
    text = "mutualtlsfilespath: /certs\nmutualtlsclient: {keyfile: /k.pem}\n"
    tls = sink(tmp_path, text + WEBHOOK + "  mutualtls: true\n", "webhook")["tls"]
    assert {key: str(value) for key, value in tls.items()} == {
        "cert_file": "/certs/client.crt",
        "key_file": "/k.pem",
        "ca_file": "/certs/ca.crt",
    }


def test_the_listener_serves_tls_where_falcosidekick_would(tmp_path: Path) -> None:
    tls = loaded(tmp_path, "tlsserver: {deploy: true, mutualtls: true, certfile: /c}\n").listen.tls
    assert tls is not None
    assert (tls.cert, tls.key, tls.client_ca) == (
        "/c",
        "/etc/certs/server/server.key",
        "/etc/certs/server/ca.crt",
    )


def test_what_has_no_counterpart_is_told_in_one_sentence(tmp_path: Path) -> None:
    text = WEBHOOK + "teams: {webhookurl: 'https://t'}\nslack: {messageformat: x, icon: ''}\n"
    (warning,) = loaded(tmp_path, text + "bracketreplacer: _\ntemplatedfields: {}\n").warnings
    assert "bracketreplacer, slack.messageformat, teams.webhookurl: " in warning


def test_a_fault_has_its_place_in_falcosidekicks_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:2:13: listenport: wanted .* found \"x\""):
        loaded(tmp_path, "debug: true\nlistenport: x\n")


def test_a_fault_in_a_variable_names_the_variable_and_not_its_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="WEBHOOK_ADDRESS") as raised:
        loaded(tmp_path, WEBHOOK, WEBHOOK_ADDRESS="secret-nonsense")
    assert "secret-nonsense" not in str(raised.value)
