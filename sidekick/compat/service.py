"""falcosidekick's keys about itself: where it listens, what it adds to alerts, its certificates."""

from __future__ import annotations

from typing import Any

from sidekick.compat.key import Key, Output, as_truth, comma_list, distinct

_SERVER = "/etc/certs/server"
_DEPLOY = ("tlsserver.deploy",)


def _level(text: str) -> Any:
    return "debug" if as_truth(text) else None


SERVICE = Output(
    "",
    "",
    (),
    (
        Key("listenaddress", "listen.address", differs="All IPv4 addresses when it is empty."),
        Key("listenport", "listen.port", default="2801", convert=int),
        Key(
            "debug",
            "logging.level",
            default="false",
            convert=_level,
            differs="No payload is logged, as there may be secrets in it.",
        ),
        Key(
            "customfields",
            "enrich.fields",
            "fields",
            note="A value `%NAME` is the environment variable NAME, in the file too.",
        ),
        Key(
            "templatedfields",
            "enrich.go_templates",
            "map",
            note="Go's templates, all of them but `define`, `template`, `block`, `call`.",
            differs="What cannot be a template is a fault at the start.",
        ),
        Key(
            "customtags",
            "enrich.tags",
            "tags",
            differs="An empty item adds no tag; `%NAME` as in `customfields`.",
        ),
        Key(
            "bracketreplacer",
            "rewrite.brackets",
            differs="Conditions of routes still see the names with brackets.",
        ),
        Key("outputfieldformat", "rewrite.output"),
        Key(
            "mutualtlsfilespath",
            default="/etc/certs",
            needless="its files are named in each sink that shows a certificate",
        ),
        *(
            Key(f"mutualtlsclient.{name}", needless="it is named in each sink that shows it")
            for name in ("certfile", "keyfile", "cacertfile")
        ),
        Key(
            "tlsclient.cacertfile",
            needless="it is `tls.extra_ca_files` of each sink over HTTP, and of Kafka",
        ),
        Key(
            "tlsserver.deploy",
            default="false",
            needless="`listen.tls` is there or not",
        ),
        Key(
            "tlsserver.certfile",
            "listen.tls.cert_file",
            default=f"{_SERVER}/server.crt",
            written=True,
            when=_DEPLOY,
            differs="A changed certificate is served without a restart.",
        ),
        Key(
            "tlsserver.keyfile",
            "listen.tls.key_file",
            default=f"{_SERVER}/server.key",
            written=True,
            when=_DEPLOY,
        ),
        Key(
            "tlsserver.mutualtls",
            default="false",
            when=_DEPLOY,
            needless="`listen.tls.client_ca_file` is there or not",
        ),
        Key(
            "tlsserver.cacertfile",
            "listen.tls.client_ca_file",
            default=f"{_SERVER}/ca.crt",
            written=True,
            when=("tlsserver.deploy", "tlsserver.mutualtls"),
        ),
        Key(
            "tlsserver.notlspaths",
            "listen.plain.paths",
            convert=comma_list,
            when=_DEPLOY,
            differs="With TLS they are served as well.",
        ),
        Key(
            "tlsserver.notlsport",
            "listen.plain.port",
            default="2810",
            convert=int,
            when=(*_DEPLOY, "tlsserver.notlspaths"),
        ),
        Key(
            "prometheus.extralabels",
            "metrics.labels",
            "labels",
            convert=distinct,
            note="The fields of `customfields` and `templatedfields` are labels in any case.",
            differs="At most 32 labels and `metrics.series` series.",
        ),
    ),
)
"""These have no sink; ``to`` is a setting of the whole configuration."""
