"""What the Kafka sink and the Kafka source share: how to reach the brokers."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from sidekick.section import Secret, Section
from sidekick.sinks._tls import TlsConfig, client_context

_BROKER = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:,/\[\]]+)(:\d{1,5})?")


def _broker(text: str) -> str:
    if not _BROKER.fullmatch(text):
        raise ValueError(f'wanted a broker such as "kafka-0:9092", found "{text[:100]}"')
    return text if re.search(r":\d+$", text) and not text.endswith("]") else f"{text}:9092"


Broker = Annotated[str, AfterValidator(_broker)]
"""``host:port``; without a port, 9092."""
Topic = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]


class SaslConfig(Section):
    """Who we are, where brokers ask for a name and a password."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    """How the password is proved. `PLAIN` sends it: use it with `tls` only."""
    user: str = Field(min_length=1)
    """The name."""
    password: Secret = Field(min_length=1)
    """The password."""


async def connection(
    brokers: list[str], client_id: str, sasl: SaslConfig | None, tls: TlsConfig | None
) -> dict[str, Any]:
    """The arguments of aiokafka's clients; raises ``ConfigError`` for unusable certificates."""
    found: dict[str, Any] = {"bootstrap_servers": brokers, "client_id": client_id}
    secured = "SSL" if tls is not None else "PLAINTEXT"
    if tls is not None:
        found["ssl_context"] = await asyncio.to_thread(client_context, tls)
    if sasl is not None:
        secured = f"SASL_{secured}"
        found |= {
            "sasl_mechanism": sasl.mechanism,
            "sasl_plain_username": sasl.user,
            "sasl_plain_password": sasl.password.get_secret_value(),
        }
    return found | {"security_protocol": secured}
