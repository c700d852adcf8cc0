"""falcosidekick's outputs as sidekick's sinks, and their thresholds as routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sidekick.compat.reader import Path, Reader
from sidekick.model import Priority

_IN_FLIGHT = 64
"""Where falcosidekick would have one request in flight by default, and lose what does not fit."""
_UNLIMITED = 256


class Outputs:
    """The outputs that are switched on, in sidekick's keys."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.sinks: dict[str, dict[str, Any]] = {}
        self._thresholds: dict[str, Priority] = {}

    def sink(self, name: str, type_: str = "") -> dict[str, Any]:
        """A new sink, with its threshold."""
        self.sinks[name] = found = {"type": type_ or name}
        key = "aws.s3" if name == "s3" else name
        priority = Priority.parse(self.reader.text(f"{key}.minimumpriority"))
        # "info" is no name of falcosidekick's, and what it does not know lets everything pass.
        if priority is not None and self.reader.text(f"{key}.minimumpriority").lower() != "info":
            self._thresholds[name] = priority
        return found

    def take(self, name: str, key: str, setting: str, convert: Callable[[str], Any] = str) -> None:
        """Take the value of ``key`` over as a setting of the sink ("lane.batch_age")."""
        text = self.reader.text(key)
        if not text:
            return
        path: Path = ("sinks", name, *setting.split("."))
        part = self.sinks[name]
        for step in path[2:-1]:
            part = part.setdefault(str(step), {})
        try:
            part[str(path[-1])] = convert(text)
        except ValueError:
            part[str(path[-1])] = text
        self.reader.came_from(path, key)

    def common(self, name: str, one_by_one: bool = False) -> None:
        """What all outputs over HTTP have: how many requests at once, and TLS."""
        reader, sink = self.reader, self.sinks[name]
        wanted = reader.text(f"{name}.maxconcurrentrequests")
        lane = sink.setdefault("lane", {})
        if wanted.isdigit():
            lane["concurrency"] = int(wanted) or _UNLIMITED
            reader.came_from(
                ("sinks", name, "lane", "concurrency"), f"{name}.maxconcurrentrequests"
            )
        elif one_by_one:
            lane["concurrency"] = _IN_FLIGHT
        if headers := reader.mapping(f"{name}.customheaders"):
            sink["headers"] = headers
        if not reader.truth(f"{name}.checkcert", True):
            sink["tls"] = {"verify": False}
        if reader.truth(f"{name}.mutualtls"):
            sink["tls"] = self._mutual_tls()

    def _mutual_tls(self) -> dict[str, str]:
        folder = self.reader.text("mutualtlsfilespath", "/etc/certs")
        return {
            setting: self.reader.text(f"mutualtlsclient.{key}", f"{folder}/{file}")
            for setting, key, file in (
                ("cert_file", "certfile", "client.crt"),
                ("key_file", "keyfile", "client.key"),
                ("ca_file", "cacertfile", "ca.crt"),
            )
        }

    def route(self) -> dict[str, Any]:
        """Every alert to every output that wants it; the test alert to all."""
        if not self._thresholds:
            return {"lanes": list(self.sinks)}
        routes = [
            {
                "name": name,
                "match": f'alert.priority >= {priority.name.lower()} or alert.rule = "Test rule"',
                "lanes": [name],
                "continue": True,
            }
            for name, priority in self._thresholds.items()
        ]
        others = [name for name in self.sinks if name not in self._thresholds]
        return {"lanes": [], "routes": [*routes, {"name": "others", "lanes": others}]}


def _webhook(outputs: Outputs) -> None:
    if outputs.reader.text("webhook.address"):
        outputs.sink("webhook")
        outputs.take("webhook", "webhook.address", "url")
        outputs.take("webhook", "webhook.method", "method", str.upper)
        outputs.common("webhook", one_by_one=True)


def _slack(outputs: Outputs) -> None:
    if not outputs.reader.text("slack.webhookurl"):
        return
    outputs.sink("slack")["pace"] = 0
    for key, setting in (
        ("webhookurl", "webhook_url"),
        ("channel", "channel"),
        ("footer", "footer"),
        ("icon", "icon"),
        ("username", "username"),
        ("outputformat", "content"),
    ):
        outputs.take("slack", f"slack.{key}", setting)
    outputs.common("slack", one_by_one=True)


def _elasticsearch(outputs: Outputs) -> None:
    reader, name = outputs.reader, "elasticsearch"
    if not reader.text("elasticsearch.hostport"):
        return
    sink = outputs.sink(name)
    outputs.take(name, "elasticsearch.hostport", "urls", lambda url: [url])
    sink["index"] = "falco"
    outputs.take(name, "elasticsearch.index", "index")
    outputs.take(name, "elasticsearch.suffix", "rotate", _rotation)
    outputs.take(name, "elasticsearch.pipeline", "pipeline")
    outputs.take(name, "elasticsearch.apikey", "api_key")
    if not reader.text("elasticsearch.apikey"):
        outputs.take(name, "elasticsearch.username", "user")
        outputs.take(name, "elasticsearch.password", "password")
    sink["gzip"] = reader.truth("elasticsearch.enablecompression")
    if reader.truth("elasticsearch.createindextemplate"):
        sink |= {"setup": True, "shards": 3, "replicas": 3}
        outputs.take(name, "elasticsearch.numberofshards", "shards", int)
        outputs.take(name, "elasticsearch.numberofreplicas", "replicas", int)
    reader.ignore("elasticsearch.numberofshards")
    reader.ignore("elasticsearch.numberofreplicas")
    if reader.truth("elasticsearch.batching.enabled"):
        outputs.take(name, "elasticsearch.batching.batchsize", "lane.batch_bytes", int)
        outputs.take(name, "elasticsearch.batching.flushinterval", "lane.batch_age")
    reader.ignore("elasticsearch.batching")
    if reader.text("elasticsearch.type") == "_doc":
        reader.ignore("elasticsearch.type")
    outputs.common(name)


def _rotation(suffix: str) -> str:
    return "yearly" if suffix == "annually" else suffix


def _loki(outputs: Outputs) -> None:
    reader = outputs.reader
    if not reader.text("loki.hostport"):
        return
    sink = outputs.sink("loki")
    outputs.take("loki", "loki.hostport", "url", lambda url: url.rstrip("/"))
    outputs.take("loki", "loki.endpoint", "path")
    outputs.take("loki", "loki.tenant", "tenant")
    outputs.take("loki", "loki.user", "user")
    outputs.take("loki", "loki.apikey", "password")
    sink["line"] = "json" if reader.text("loki.format") == "json" else "text"
    own = ["rule", "source", "priority", "hostname", "tags"]
    sink["label_fields"] = [
        *(f"alert.{field}" for field in own),
        *("k8s.ns.name", "k8s.pod.name"),
        *reader.listing("loki.extralabels"),
    ]
    outputs.common("loki")


def _alertmanager(outputs: Outputs) -> None:
    reader = outputs.reader
    urls = reader.listing("alertmanager.hostport")
    if not urls:
        return
    sink = outputs.sink("alertmanager")
    sink["urls"] = [url.rstrip("/") for url in urls]
    reader.came_from(("sinks", "alertmanager", "urls"), "alertmanager.hostport")
    outputs.take("alertmanager", "alertmanager.expiresafter", "resolve_after", float)
    if not sink.get("resolve_after", 1):
        del sink["resolve_after"]  # falcosidekick's 0: as long as Alertmanager itself likes
    for key, setting in (("extralabels", "labels"), ("extraannotations", "annotations")):
        if found := reader.mapping(f"alertmanager.{key}"):
            sink[setting] = found
    if reader.text("alertmanager.endpoint") in ("/api/v1/alerts", "/api/v2/alerts"):
        reader.ignore("alertmanager.endpoint")
    outputs.common("alertmanager")


def _s3(outputs: Outputs) -> None:
    reader = outputs.reader
    if not reader.text("aws.s3.bucket"):
        return
    sink = outputs.sink("s3")
    sink |= {"prefix": "falco", "lane": {"batch_age": 0.25}}
    outputs.take("s3", "aws.s3.bucket", "bucket")
    outputs.take("s3", "aws.s3.prefix", "prefix")
    outputs.take("s3", "aws.s3.endpoint", "endpoint")
    outputs.take("s3", "aws.s3.objectcannedacl", "acl")
    outputs.take("s3", "aws.region", "region")
    # falcosidekick 2.33 and newer leave these to the AWS SDK, as does a sink without them.
    outputs.take("s3", "aws.accesskeyid", "access_key_id")
    outputs.take("s3", "aws.secretaccesskey", "secret_access_key")
    reader.ignore("aws.checkidentity")


def _kafka(outputs: Outputs) -> None:
    reader = outputs.reader
    if not (reader.text("kafka.hostport") and reader.text("kafka.topic")):
        return
    sink = outputs.sink("kafka")
    sink["brokers"] = reader.listing("kafka.hostport")
    reader.came_from(("sinks", "kafka", "brokers"), "kafka.hostport")
    outputs.take("kafka", "kafka.topic", "topic")
    outputs.take("kafka", "kafka.clientid", "client_id")
    outputs.take("kafka", "kafka.compression", "compression", str.lower)
    if sasl := reader.text("kafka.sasl"):
        sink["sasl"] = {"mechanism": sasl.upper().replace("_", "-").replace("SHA-", "SHA-")}
        outputs.take("kafka", "kafka.username", "sasl.user")
        outputs.take("kafka", "kafka.password", "sasl.password")
    if reader.truth("kafka.tls"):
        sink["tls"] = {}
    # Always acknowledged by all replicas, in order and without repeats.
    reader.ignore("kafka.requiredacks")
    reader.ignore("kafka.async")


def _syslog(outputs: Outputs) -> None:
    reader = outputs.reader
    if not reader.text("syslog.host"):
        return
    sink = outputs.sink("syslog")
    outputs.take("syslog", "syslog.host", "host")
    outputs.take("syslog", "syslog.port", "port", int)
    outputs.take("syslog", "syslog.protocol", "protocol", str.lower)
    if reader.text("syslog.format", "json").lower() == "json":
        sink["message"] = "json"


OUTPUTS: tuple[Callable[[Outputs], None], ...] = (
    *(_webhook, _slack, _elasticsearch, _loki),
    *(_alertmanager, _s3, _kafka, _syslog),
)
"""Each looks whether its output is switched on."""
