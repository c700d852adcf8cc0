"""falcosidekick's YAML keys and environment variables as sidekick's own configuration.

Run so, every alert is delivered to every output whose threshold it reaches, as falcosidekick's
users expect: nothing is held back as a repeat, and only Slack's own answers slow Slack down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidekick.compat.outputs import OUTPUTS, Outputs
from sidekick.compat.reader import Reader, Translation

__all__ = ["Translation", "recognise", "translate"]

_OTHERS = """
alertmanager aws azure bracketreplacer cliq cloudevents customfields customtags datadog datadoglogs
debug discord dogstatsd dynatrace elasticsearch fission gcp googlechat gotify grafana grafanaoncall
influxdb kafka kafkarest kubeless listenaddress listenport logstash loki mattermost mqtt
mutualtlsclient mutualtlsfilespath n8n nats nodered openfaas openobserve opsgenie otlp
outputfieldformat pagerduty policyreport prometheus quickwit rabbitmq redis rocketchat signl4 slack
smtp splunk spyderbat stan statsd sumologic syslog talon teams tekton telegram templatedfields
timescaledb tlsclient tlsserver wavefront webex webhook webui yandex zincsearch zoho
"""
_KEYS = frozenset(_OTHERS.split())


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether these are falcosidekick's keys: at least one is, and none is something else."""
    return bool(value) and all(str(key).lower() in _KEYS for key in value)


def translate(value: Mapping[str, Any], environ: Mapping[str, str]) -> Translation:
    """The same configuration for sidekick; what it has no setting for becomes a warning."""
    reader = Reader(value, environ)
    reader.fixed(("dedup", "enabled"), False)
    reader.fixed(("score", "entity_window"), 0)
    _listen(reader)
    _enrich(reader)
    outputs = Outputs(reader)
    for output in OUTPUTS:
        output(outputs)
    reader.fixed(("sinks",), outputs.sinks)
    reader.fixed(("route",), outputs.route())
    return reader.finish()


def _listen(reader: Reader) -> None:
    reader.take("listenaddress", ("listen", "address"))
    reader.take("listenport", ("listen", "port"), int)
    if reader.truth("debug"):
        reader.fixed(("logging", "level"), "debug")
    if not reader.truth("tlsserver.deploy"):
        reader.ignore("tlsserver")
        return
    folder = "/etc/certs/server"
    reader.take("tlsserver.certfile", ("listen", "tls", "cert"), default=f"{folder}/server.crt")
    reader.take("tlsserver.keyfile", ("listen", "tls", "key"), default=f"{folder}/server.key")
    if reader.truth("tlsserver.mutualtls"):
        authority = ("listen", "tls", "client_ca")
        reader.take("tlsserver.cacertfile", authority, default=f"{folder}/ca.crt")
    else:
        reader.ignore("tlsserver.cacertfile")


def _enrich(reader: Reader) -> None:
    fields = reader.mapping("customfields")
    if fields:
        reader.fixed(("enrich", "fields"), {k: _literal(v) for k, v in fields.items()})
    tags = reader.listing("customtags")
    if tags:
        reader.fixed(("enrich", "tags"), [_literal(tag) for tag in tags])


def _literal(text: str) -> str:
    """A text for ``enrich``, where braces stand for fields."""
    return text.replace("{", "{{").replace("}", "}}")
