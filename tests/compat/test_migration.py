"""A migrated configuration has the effect of the one that it was made from, and no secret in it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sidekick import compat
from sidekick.compat.migration import migrate
from tests.compat.migrating import Unusable, as_file, as_variables, check_same

SECRET = "a-secret-of-some-length"

# Every key once, with a value that is not its default.
EVERYTHING: dict[str, str] = {
    "listenaddress": "127.0.0.1",
    "listenport": "2900",
    "debug": "true",
    "customfields": "env:prod,k8s.cluster.name:a{b}${c},from:%REGION",
    "templatedfields": 'pod:{{ or (index . "k8s.pod.name") "a,b:c" }},x:{{ .y }}',
    "customtags": "one,%REGION,{two}",
    "mutualtlsfilespath": "/certs",
    "mutualtlsclient.certfile": "/c.pem",
    "tlsclient.cacertfile": "/ca.pem",
    "tlsserver.deploy": "true",
    "tlsserver.certfile": "/s.crt",
    "tlsserver.mutualtls": "true",
    "tlsserver.notlspaths": "/ping,/metrics",
    "tlsserver.notlsport": "2811",
    "bracketreplacer": "_",
    "outputfieldformat": "<timestamp>: <output> <custom_fields>",
    "slack.webhookurl": f"https://hooks.example/{SECRET}",
    "slack.channel": "#alerts",
    "slack.footer": "it's \"quoted\" ${HOME}",
    "slack.icon": ":x:",
    "slack.username": "me: you",
    "slack.outputformat": "text",
    "slack.messageformat": "{{ .Rule }} ${x}",
    "slack.minimumpriority": "error",
    "slack.mutualtls": "true",
    "slack.maxconcurrentrequests": "3",
    "webhook.address": f"http://h/{SECRET}",
    "webhook.method": "put",
    "webhook.customheaders": f"Authorization:Bearer {SECRET},X-B:2",
    "webhook.checkcert": "false",
    "webhook.minimumpriority": "Notice",
    "elasticsearch.hostport": "http://e:9200",
    "elasticsearch.index": "alerts",
    "elasticsearch.suffix": "annually",
    "elasticsearch.pipeline": "p",
    "elasticsearch.username": "elastic",
    "elasticsearch.password": SECRET,
    "elasticsearch.flattenfields": "true",
    "elasticsearch.enablecompression": "true",
    "elasticsearch.createindextemplate": "true",
    "elasticsearch.numberofreplicas": "-1",
    "elasticsearch.batching.enabled": "true",
    "elasticsearch.batching.batchsize": "9000",
    "elasticsearch.batching.flushinterval": "250ms",
    "elasticsearch.customheaders": '{"X-A": "1,2"}',
    "prometheus.extralabels": "proc.name,user.name,proc.name",
    "loki.hostport": "http://l:3100/",
    "loki.endpoint": "/push",
    "loki.user": "u",
    "loki.apikey": SECRET,
    "loki.tenant": "a-tenant",
    "loki.format": "json",
    "loki.extralabels": "proc.name, fd.name",
    "alertmanager.hostport": "http://a:9093,http://b:9093",
    "alertmanager.endpoint": "/api/v1/alerts",
    "alertmanager.expiresafter": "90",
    "alertmanager.customseveritymap": "critical:page,debug:none",
    "alertmanager.dropeventdefaultpriority": "Error",
    "alertmanager.dropeventthresholds": "100:critical, 10:warning",
    "alertmanager.extralabels": "cluster:x,url:http://y",
    "alertmanager.extraannotations": "runbook:https://r",
    "aws.s3.bucket": "bucket",
    "aws.s3.prefix": "pre/fix",
    "aws.s3.endpoint": "http://minio:9000",
    "aws.rolearn": "arn:aws:iam::123456789012:role/alerts",
    "aws.externalid": "an-id",
    "aws.region": "eu-central-1",
    "aws.accesskeyid": "AKIA",
    "aws.secretaccesskey": SECRET,
    "kafka.hostport": "k:9092,k2",
    "kafka.topic": "falco",
    "kafka.sasl": "SCRAM_SHA512",
    "kafka.username": "u",
    "kafka.password": SECRET,
    "kafka.tls": "true",
    "kafka.checkcert": "false",
    "kafka.compression": "ZSTD",
    "kafka.clientid": "me",
    "syslog.host": "s",
    "syslog.port": "1514",
    "syslog.protocol": "UDP",
    "syslog.format": "cef",
    "syslog.minimumpriority": "critical",
}  # fmt: skip
REGION = {"REGION": "eu {1}"}


def test_everything_in_the_file() -> None:
    check_same(as_file(EVERYTHING), REGION)


def test_everything_in_the_environment() -> None:
    check_same({}, as_variables(EVERYTHING) | REGION)


@pytest.mark.parametrize("key", sorted(EVERYTHING))
def test_a_key_with_what_it_needs(key: str) -> None:
    output = key.partition(".")[0]
    own = {
        name: text
        for name, text in EVERYTHING.items()
        if name == key or name.startswith(f"{output}.")
    }
    check_same(as_file(own), REGION)
    if compat.switched_on(as_variables(own)):
        check_same({}, as_variables(own) | REGION)


@pytest.mark.parametrize(
    "key", ["elasticsearch.hostport", "loki.hostport", "alertmanager.hostport"]
)
def test_a_password_in_an_address_is_no_part_of_the_text(key: str) -> None:
    keys = {key: f"https://u:{SECRET}@h:1"}
    check_same(as_file(keys), {})
    check_same({}, as_variables(keys))
    for value, environ in ((as_file(keys), {}), ({}, as_variables(keys))):
        assert SECRET not in migrate(compat.translate(value, environ), "x", with_files=False).text


def test_an_api_key_goes_over_a_password() -> None:
    keys = {"elasticsearch.hostport": "http://e", "elasticsearch.username": "u"}
    check_same(as_file({**keys, "elasticsearch.apikey": SECRET}), {})


@given(st.sets(st.sampled_from(sorted(EVERYTHING))), st.randoms())
def test_any_of_them_in_the_file_or_the_environment(keys: set[str], chance: Any) -> None:
    variables = {key for key in keys if chance.random() < 0.5}
    file = as_file({key: EVERYTHING[key] for key in sorted(keys - variables)})
    environ = as_variables({key: EVERYTHING[key] for key in sorted(variables)})
    assume(file or compat.switched_on(environ))
    with contextlib.suppress(Unusable):
        check_same(file, environ | REGION)


@settings(max_examples=50)
@given(st.text(min_size=1), st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_any_text_of_a_custom_field(name: str, text: str) -> None:
    environ: dict[str, str] = {}
    value = {"customfields": {name: text}}
    translation = compat.translate(value, environ)
    written = yaml.safe_load(migrate(translation, "x", with_files=True).text)
    if entries := translation.value.get("enrich", {}).get("fields"):
        assert written["enrich"]["fields"] == {
            key: field.replace("${", "$${") for key, field in entries.items()
        }


@pytest.mark.parametrize("with_files", [True, False])
def test_no_secret_is_in_the_text(with_files: bool) -> None:
    for value, environ in ((as_file(EVERYTHING), {}), ({}, as_variables(EVERYTHING))):
        text = migrate(compat.translate(value, environ), "x", with_files).text
        assert SECRET not in text
        assert "a-tenant" not in text


def test_what_came_from_a_variable_goes_on_coming_from_it() -> None:
    text = migrate(compat.translate({}, as_variables(EVERYTHING)), "x", with_files=True).text
    assert "webhook_url: ${SLACK_WEBHOOKURL}" in text
    assert "password: ${ELASTICSEARCH_PASSWORD}" in text
    assert "port: ${LISTENPORT}" in text


def test_headers_of_names_that_look_alike_keep_their_secrets_apart() -> None:
    headers = {"X-A": "first-secret", "X_A": "second-secret", "x-a.": "third-secret"}
    check_same({"webhook": {"address": "http://h/", "customheaders": headers}}, {})


def test_reasons_and_what_is_not_taken_over_are_comments() -> None:
    value = as_file({**EVERYTHING, "teams.webhookurl": "https://t", "kafka.requiredacks": "ALL"})
    text = migrate(compat.translate(value, {}), "falcosidekick.yaml", with_files=True).text
    assert "# - teams.webhookurl: sidekick has no output teams yet" in text
    assert "# - kafka.requiredacks: a message counts as delivered when" in text
    assert "    # falcosidekick tells every repeat" not in text
    assert "  # falcosidekick tells every repeat" in text
    assert all(len(line) <= 100 for line in text.splitlines() if line.startswith("#"))
