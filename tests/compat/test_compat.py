"""A falcosidekick configuration, taken as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sidekick.errors import ConfigError
from sidekick.pipeline.route import RouteConfig
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


def test_outputs_and_names_get_the_form_that_falcosidekick_gives_them(tmp_path: Path) -> None:
    text = WEBHOOK + "bracketreplacer: _\noutputfieldformat: '<output>'\ncustomfields: {a: b}\n"
    rewrite = loaded(tmp_path, text).rewrite
    assert (rewrite.brackets, rewrite.output) == ("_", "<output>")
    assert rewrite.custom_fields == ("a",)


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


def test_a_threshold_is_a_route_and_the_test_alert_passes_it(tmp_path: Path) -> None:
    text = WEBHOOK + "  minimumpriority: critical\nloki: {hostport: 'http://l'}\n"
    route = loaded(tmp_path, text).route
    assert [(r.name, r.lanes, r.continue_) for r in route.routes] == [
        ("webhook", ("webhook",), True),
        ("others", ("loki",), False),
    ]
    assert route.routes[0].match == 'alert.priority >= critical or alert.rule = "Test rule"'


@pytest.mark.parametrize(("priority", "told"), [("", 0), ("info", 1), ("loud", 1)])
def test_a_threshold_that_falcosidekick_does_not_know_lets_everything_pass(
    tmp_path: Path, priority: str, told: int
) -> None:
    settings = loaded(tmp_path, WEBHOOK + f"  minimumpriority: '{priority}'\n")
    assert settings.route == RouteConfig()
    assert ["every alert pass" in warning for warning in settings.warnings] == [True] * told


def test_client_certificates_come_from_their_folder_or_their_own_keys(tmp_path: Path) -> None:
    text = "mutualtlsfilespath: /certs\nmutualtlsclient: {keyfile: /k.pem}\n"
    text += "tlsclient: {cacertfile: /more.pem}\n"
    tls = sink(tmp_path, text + WEBHOOK + "  mutualtls: true\n", "webhook")["tls"]
    assert {key: str(value) for key, value in tls.items() if key != "extra_ca_files"} == {
        "cert_file": "/certs/client.crt",
        "key_file": "/k.pem",
    }
    assert tls["extra_ca_files"] == (Path("/certs/ca.crt"), Path("/more.pem"))


@pytest.mark.parametrize(
    ("keys", "verify", "shown"),
    [
        ("checkcert: false", False, False),
        ("checkcert: false\n  mutualtls: false", False, False),
        ("checkcert: true\n  mutualtls: true", True, True),
        # As falcosidekick documents it: with mutual TLS the server is always checked.
        ("checkcert: false\n  mutualtls: true", True, True),
    ],
)
def test_who_is_trusted_and_who_we_are_are_two_things(
    tmp_path: Path, keys: str, verify: bool, shown: bool
) -> None:
    tls = loaded(tmp_path, f"{WEBHOOK}  {keys}\n").sinks["webhook"].tls  # type: ignore[attr-defined]
    assert (tls.verify, tls.cert_file is not None) == (verify, shown)


def test_the_listener_serves_tls_where_falcosidekick_would(tmp_path: Path) -> None:
    tls = loaded(tmp_path, "tlsserver: {deploy: true, mutualtls: true, certfile: /c}\n").listen.tls
    assert tls is not None
    assert (tls.cert, tls.key, tls.client_ca) == (
        "/c",
        "/etc/certs/server/server.key",
        "/etc/certs/server/ca.crt",
    )


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


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        (
            "elasticsearch: {hostport: 'https://u:p%40ss@e:9200'}",
            "elasticsearch",
            (["https://e:9200"], "u", "p@ss"),
        ),
        (
            "elasticsearch: {hostport: 'https://u:p@e', username: me, password: mine}",
            "elasticsearch",
            (["https://e"], "me", "mine"),
        ),
        (
            "elasticsearch: {hostport: 'https://u:p@e', apikey: k}",
            "elasticsearch",
            (["https://e"], "", ""),
        ),
        ("loki: {hostport: 'http://u:p@l/'}", "loki", ("http://l", "u", "p")),
        (
            "alertmanager: {hostport: 'http://u:p@a,http://u:p@b'}",
            "alertmanager",
            (["http://a", "http://b"], "u", "p"),
        ),
    ],
)
def test_a_name_and_password_in_an_address_are_settings(
    tmp_path: Path, text: str, name: str, wanted: tuple[Any, str, str]
) -> None:
    settings = loaded(tmp_path, text)
    found: Any = settings.sinks[name]
    address = found.url if name == "loki" else found.urls
    assert (address, found.user, found.password.get_secret_value()) == wanted
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ("apikey: k, username: u, password: p", ("u", "p", "")),
        ("apikey: k, username: u", ("", "", "k")),
        ("username: u", ("", "", "")),
        ("username: u, password: '0'", ("u", "0", "")),
    ],
)
def test_elasticsearch_gets_the_identity_that_falcosidekick_shows(
    tmp_path: Path, keys: str, wanted: tuple[str, str, str]
) -> None:
    text = f"elasticsearch: {{hostport: 'http://e', {keys}}}\n"
    found: Any = loaded(tmp_path, text).sinks["elasticsearch"]
    secrets = found.password.get_secret_value(), found.api_key.get_secret_value()
    assert (found.user, *secrets) == wanted


def test_the_misspelt_variable_that_falcosidekick_documents_counts(tmp_path: Path) -> None:
    text = "kafka: {hostport: k, topic: t}\n"
    assert loaded(tmp_path, text, KAFKA_TSL="true").sinks["kafka"].tls is not None  # type: ignore[attr-defined]
    both = loaded(tmp_path, text, KAFKA_TSL="true", KAFKA_TLS="false")
    assert both.sinks["kafka"].tls is None  # type: ignore[attr-defined]


def test_templated_fields_stay_templates_of_go(tmp_path: Path) -> None:
    text = "templatedfields: {pod: '{{ index . \"k8s.pod.name\" }}', A.b: '{{ .x }}'}\n"
    enrich = loaded(tmp_path, WEBHOOK + text, TEMPLATEDFIELDS="c:{{ .d }}").enrich
    assert enrich.go_templates == {
        "pod": '{{ index . "k8s.pod.name" }}',
        "A.b": "{{ .x }}",
        "c": "{{ .d }}",
    }
    assert enrich.overwrite


def test_a_template_that_cannot_be_one_is_a_fault_with_its_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:3:22: .*1:9: there is no fun") as raised:
        loaded(tmp_path, WEBHOOK + "templatedfields: {a: '{{ .x | upper }}'}\n")
    assert "templatedfields.a" in str(raised.value)


def test_without_an_output_nothing_is_delivered_or_printed(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "listenport: 2801\n")
    assert settings.sinks == {}
    assert any("no output is on" in warning for warning in settings.warnings)


def test_what_is_added_takes_the_place_of_an_alerts_own(tmp_path: Path) -> None:
    text = "customfields: {a: '%NAME', Kept.Case: '%'}\ncustomtags: [x, '', '%NAME']\n"
    enrich = loaded(tmp_path, text + WEBHOOK, NAME="{n}").enrich
    assert enrich.fields == {"a": "{{n}}", "Kept.Case": "%"}
    assert enrich.tags == ("x", "{{n}}")
    assert enrich.overwrite
    assert not loaded(tmp_path, WEBHOOK).enrich.overwrite


def test_a_fault_has_its_place_in_falcosidekicks_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:2:13: listenport: wanted .* found \"x\""):
        loaded(tmp_path, "debug: true\nlistenport: x\n")


def test_a_fault_in_a_variable_names_the_variable_and_not_its_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, WEBHOOK, WEBHOOK_ADDRESS="secret-nonsense")
    (fault,) = raised.value.faults
    wanted = 'wanted a URL such as "https://host/path"'
    assert fault == f"environment: WEBHOOK_ADDRESS: {wanted}, found another text in WEBHOOK_ADDRESS"


def test_faults_of_the_file_and_of_variables_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, "listenport: x\n", ALERTMANAGER_HOSTPORT="http://a,nonsense")
    first, second = raised.value.faults
    assert first.startswith("environment: ALERTMANAGER_HOSTPORT[1]: wanted a URL")
    assert second.startswith(f"{tmp_path / 'config.yaml'}:1:13: listenport: wanted a whole number")


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
