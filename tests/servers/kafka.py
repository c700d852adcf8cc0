"""Kafka: one broker that is its own controller, with a plain, a SASL and a mutual TLS listener."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import places
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.process import NotStarted, answers, free_ports, running

USER, PASSWORD = "alice", "alice-secret"
_LOGIN = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class Kafka:
    """Addresses are ``host:port``; the secured ones are empty if a server from outside is used."""

    address: str
    sasl_address: str = ""
    """SASL over TLS: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 as ``USER`` with ``PASSWORD``."""
    tls_address: str = ""
    """TLS that asks for a client certificate."""
    certificates: Certificates | None = None
    front: int = 0
    """A port of nobody, by which the broker says it is reached for who comes by ``behind``: what
    stands there decides what clients see."""
    behind: int = 0


@contextmanager
def kafka(folder: Path) -> Iterator[Kafka]:
    """A broker with its data in ``folder``."""
    java = places.java()
    if java is None or not places.kafka().exists():
        raise NotStarted("Kafka is not installed: run tests/servers/install.py")
    plain, sasl, tls, controller, front, behind = ports = free_ports(6)
    folder.mkdir(parents=True, exist_ok=True)
    certificates = make_certificates(folder)
    properties = folder / "server.properties"
    properties.write_text(_properties(folder, ports, certificates))
    command: list[str | Path] = [
        java,
        "-Xmx256m",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{places.kafka()}/lib/*",
    ]
    scram = [
        f"SCRAM-SHA-{bits}=[name={USER},password={PASSWORD},iterations=4096]" for bits in (256, 512)
    ]
    form: list[str | Path] = [
        "kafka.tools.StorageTool",
        "format",
        "-t",
        "AAAAAAAAAAAAAAAAAAAAAQ",
        "-c",
        properties,
    ]
    form += [word for one in scram for word in ("--add-scram", one)]
    with running([*command, *form], folder / "format", lambda: True) as formatting:
        if formatting.wait(60):
            raise NotStarted((folder / "format" / "log").read_text())
    with running(
        [*command, "kafka.Kafka", properties],
        folder,
        lambda: all(answers(port) for port in (plain, sasl, tls, controller, behind)),
    ):
        yield Kafka(
            f"127.0.0.1:{plain}",
            f"127.0.0.1:{sasl}",
            f"127.0.0.1:{tls}",
            certificates,
            front,
            behind,
        )


def _properties(folder: Path, ports: list[int], certificates: Certificates) -> str:
    plain, sasl, tls, controller, front, behind = ports
    clients = f"PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},MTLS://127.0.0.1:{tls}"
    clients, told = (f"{clients},FRONT://127.0.0.1:{port}" for port in (behind, front))
    keys = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{clients},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": told,
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,FRONT:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL,CONTROLLER:PLAINTEXT"
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": folder / "data",
        "num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 500,
        "message.max.bytes": 2_000_000,
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl.plain.sasl.jaas.config": (
            f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": certificates.server_key,
        "ssl.keystore.certificate.chain": certificates.server_chain,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": certificates.ca_file.read_text(),
        "listener.name.mtls.ssl.client.auth": "required",
    }
    for mechanism in ("scram-sha-256", "scram-sha-512"):
        keys[f"listener.name.sasl.{mechanism}.sasl.jaas.config"] = (
            f"{_LOGIN}.scram.ScramLoginModule required;"
        )
    return "".join(f"{key}={_one_line(value)}\n" for key, value in keys.items())


def _one_line(value: object) -> str:
    return str(value).strip().replace("\n", "\\n")
