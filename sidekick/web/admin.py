"""Configuration of the admin listener: the API, its documentation, the command line's door."""

from __future__ import annotations

import ipaddress

from pydantic import Field, field_validator, model_validator

from sidekick.listener.tls import TlsConfig
from sidekick.section import Secret, Section


class AdminConfig(Section):
    """The admin API, on a listener of its own apart from where alerts come in."""

    enabled: bool = True
    """Whether the admin API is served at all."""
    address: str = "127.0.0.1"
    """Where it listens; any other than a loopback address needs `token` or client certificates."""
    port: int = Field(2802, ge=0, le=65535)
    """The port it listens on; 0 takes a free one."""
    token: Secret | None = None
    """Bearer token that every call of the API must carry."""
    hosts: tuple[str, ...] = ()
    """Further names by which clients may call a loopback listener, as behind a reverse proxy."""

    tls: TlsConfig | None = None
    """Serve HTTPS."""

    @field_validator("token")
    @classmethod
    def _not_empty(cls, token: Secret | None) -> Secret | None:
        if token is not None and not token.get_secret_value().strip():
            raise ValueError("the token is empty: leave the key out to serve without a token")
        return token

    @model_validator(mode="after")
    def _closed_to_strangers(self) -> AdminConfig:
        open_door = self.token is None and not (self.tls and self.tls.client_ca_file)
        if self.enabled and open_door and not is_loopback(self.address):
            raise ValueError(
                f"the admin API would be open to the network at {self.address}: set admin.token, "
                "or admin.address to 127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether an address or name can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
