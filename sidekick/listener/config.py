"""Settings of every listener: where, how much, how long, who."""

from __future__ import annotations

from pydantic import Field, field_validator

from sidekick.listener.auth import Cidr, Token
from sidekick.listener.tls import TlsConfig
from sidekick.section import Duration, Section, Size


class ListenerConfig(Section):
    """What all listeners have."""

    address: str = "0.0.0.0"
    """Address to listen on; `::` for IPv6."""
    port: int = Field(0, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    body_limit: Size = Field(10 * 1024**2, ge=1024)
    """Largest body of a request, before and after it is unpacked; a larger one is answered 413."""
    buffer_limit: Size = Field(64 * 1024**2, ge=1024**2)
    """Bytes of bodies above 64 KiB that are held at once; more of them are answered 503."""
    max_connections: int = Field(2048, ge=1)
    """Connections at once; one more takes the place of an idle one, or is answered 503."""
    header_timeout: Duration = Field(10.0, gt=0)
    """How long a request's headers may take to come."""
    body_timeout: Duration = Field(30.0, gt=0)
    """How long a request's body may take to come, and an answer to be taken."""
    idle_timeout: Duration = Field(120.0, gt=0)
    """How long a connection may stay open between two requests."""
    tls: TlsConfig | None = None
    """Serve HTTPS."""
    tokens: tuple[Token, ...] = ()
    """Who may send; none: everybody. `/ping`, `/healthz`, `/readyz` never need a token."""
    allow: tuple[Cidr, ...] = ()
    """Networks that may send; none: all. `/ping`, `/healthz`, `/readyz` answer everybody."""
    trusted_proxies: tuple[Cidr, ...] = ()
    """Networks whose `X-Forwarded-For` says who the client is."""

    @field_validator("tokens")
    @classmethod
    def _told_apart(cls, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
        """Two tokens of one name, or one secret for two names, are a mistake."""
        names = [token.name for token in tokens]
        secrets = {token.token.get_secret_value() for token in tokens}
        if len(set(names)) < len(names) or len(secrets) < len(tokens):
            raise ValueError("each token wants a name and a secret of its own")
        return tokens
