"""A falcosidekick configuration, taken as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sidekick.pipeline.route import RouteConfig
from tests.compat.loading import WEBHOOK, loaded, sink


def test_every_alert_is_delivered_to_every_output(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WEBHOOK + "loki: {hostport: 'http://127.0.0.1:8'}\n")
    assert not settings.dedup.enabled
    assert settings.route == RouteConfig()
    assert set(settings.sinks) == {"webhook", "loki"}
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
    ("text", "name", "setting", "wanted"),
    [
        ("elasticsearch: {hostport: 'http://e'", "elasticsearch", "flatten_fields", False),
        (
            "elasticsearch: {hostport: 'http://e', createindextemplate: true",
            "elasticsearch",
            "flatten_fields",
            True,
        ),
        ("loki: {hostport: 'http://l', extralabels: 'a'", "loki", "label_fields", ["env", "a"]),
        ("loki: {hostport: 'http://l'", "loki", "labels", {}),
        ("alertmanager: {hostport: 'http://a'", "alertmanager", "resolve_after", 0.0),
        ("alertmanager: {hostport: 'http://a'", "alertmanager", "path", "/api/v2/alerts"),
        (
            "alertmanager: {hostport: 'http://a', endpoint: /x/alerts",
            "alertmanager",
            "path",
            "/x/alerts",
        ),
        (
            "alertmanager: {hostport: 'http://a', customseveritymap: 'critical: page'",
            "alertmanager",
            "severities",
            {"critical": "page"},
        ),
        ("aws: {s3: {bucket: abc, prefix: ''}", "s3", "prefix", "falco"),
        ("aws: {s3: {bucket: abc}", "s3", "acl", "bucket-owner-full-control"),
        ("kafka: {hostport: k, topic: t", "kafka", "compression", "none"),
        ("slack: {webhookurl: 'https://h/x'", "slack", "username", "Falcosidekick"),
        ("syslog: {host: h, format: cef", "syslog", "message", "cef"),
        ("syslog: {host: h", "syslog", "message", "json"),
        ("webhook: {address: 'http://h'", "webhook", "compat", "falcosidekick"),
    ],
)
def test_falcosidekicks_defaults_and_choices_are_kept(
    tmp_path: Path, text: str, name: str, setting: str, wanted: Any
) -> None:
    found = loaded(tmp_path, f"customfields: {{env: x}}\n{text}}}\n").sinks[name]
    assert getattr(found, setting) == wanted


def test_alerts_of_lost_events_rise_as_falcosidekick_documents_it(tmp_path: Path) -> None:
    text = "alertmanager: {hostport: 'http://a', dropeventthresholds: '100:alert, 1:notice'}\n"
    steps = loaded(tmp_path, text).sinks["alertmanager"].drop_thresholds  # type: ignore[attr-defined]
    assert [(step.above, step.priority) for step in steps] == [(100, "alert"), (1, "notice")]


@pytest.mark.parametrize(
    ("keys", "plain"),
    [
        ("deploy: true, notlspaths: [/ping, /healthz]", (2810, ("/ping", "/healthz"))),
        ("deploy: true, notlspaths: [/ping], notlsport: 2811", (2811, ("/ping",))),
        ("deploy: true, notlsport: 2811", None),
        ("deploy: true, notlspaths: []", None),
        ("deploy: false, notlspaths: [/ping]", None),
    ],
)
def test_some_paths_are_served_without_tls(
    tmp_path: Path, keys: str, plain: tuple[int, tuple[str, ...]] | None
) -> None:
    settings = loaded(tmp_path, f"{WEBHOOK}tlsserver: {{{keys}}}\n")
    found = settings.listen.plain
    assert (found and (found.port, found.paths)) == plain
    assert settings.warnings == ()


@pytest.mark.parametrize(("limit", "concurrency"), [("", 64), ("1", 1), ("64", 64), ("0", 256)])
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


def test_the_listener_serves_tls_where_falcosidekick_would(tmp_path: Path) -> None:
    tls = loaded(tmp_path, "tlsserver: {deploy: true, mutualtls: true, certfile: /c}\n").listen.tls
    assert tls is not None
    assert (tls.cert_file, tls.key_file, tls.client_ca_file) == (
        "/c",
        "/etc/certs/server/server.key",
        "/etc/certs/server/ca.crt",
    )


def test_the_misspelt_variable_that_falcosidekick_documents_counts(tmp_path: Path) -> None:
    text = "kafka: {hostport: k, topic: t}\n"
    assert loaded(tmp_path, text, KAFKA_TSL="true").sinks["kafka"].tls is not None  # type: ignore[attr-defined]
    both = loaded(tmp_path, text, KAFKA_TSL="true", KAFKA_TLS="false")
    assert both.sinks["kafka"].tls is None  # type: ignore[attr-defined]
