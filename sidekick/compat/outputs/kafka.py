"""Kafka."""

from __future__ import annotations

from typing import Any

from sidekick.compat.key import Key, Output, as_truth, comma_list, lower
from sidekick.compat.outputs._common import MINIMUM_PRIORITY


def _mechanism(text: str) -> Any:
    """PLAIN, SCRAM_SHA256, SCRAM_SHA512 in any case, with or without dashes."""
    word = text.upper().replace("_", "-")
    return word.replace("SHA256", "SHA-256").replace("SHA512", "SHA-512")


def _encrypted(text: str) -> Any:
    return {} if as_truth(text) else None


OUTPUT = Output(
    "kafka",
    "kafka",
    ("hostport", "topic"),
    (
        Key("hostport", "brokers", convert=comma_list),
        Key("topic", "topic"),
        Key("sasl", "sasl.mechanism", convert=_mechanism),
        Key("username", "sasl.user", when=("sasl",)),
        Key("password", "sasl.password", when=("sasl",), secret=True),
        Key(
            "tls",
            "tls",
            default="false",
            convert=_encrypted,
            alias="KAFKA_TSL",
            note="Here `tlsclient.cacertfile`, `kafka.checkcert` and `kafka.mutualtls` count.",
        ),
        Key(
            "checkcert",
            "tls.verify",
            default="true",
            convert=as_truth,
            when=("tls",),
            unless=("mutualtls",),
            differs="falcosidekick does not heed it.",
        ),
        Key(
            "mutualtls",
            "tls.cert_file",
            kind="identity",
            default="false",
            when=("tls",),
            differs="falcosidekick does not heed it.",
        ),
        Key("compression", "compression", default="NONE", convert=lower, written=True),
        Key("clientid", "client_id"),
        Key(
            "balancer",
            default="round_robin",
            needless="there is no key to choose a partition by; the client spreads messages",
        ),
        Key(
            "requiredacks",
            default="NONE",
            needless="a message counts as delivered when all replicas have it",
        ),
        Key("async", default="false", needless="messages go in batches and each is acknowledged"),
        Key(
            "topiccreation",
            default="false",
            needless="a broker that may (`auto.create.topics.enable`) creates it",
        ),
        MINIMUM_PRIORITY,
    ),
)
